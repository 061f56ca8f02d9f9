r"""Gated linear units: one array lets another through.

Forward, with g the unit's own function of the gate
    y = x g(u)                           x, u [...]   y [...]
    glu g = σ    reglu g = relu    geglu g(u) = u Φ(u)    swiglu g(u) = u σ(u)

Backward
    x_bar = y_bar g(u)
    u_bar = y_bar x g'(u)

Derivation
    dy = g(u) dx + x g'(u) du, each factor of which moves to the other side of ⟨·,·⟩ as it is. g' is in `_gelu`, `_silu`.

Residuals
    x and u, once each: g(u) is made again from u. Where both come as halves of one array, that array.

Edges
    Those of g: reglu's g'(0) = 0; at u = -inf geglu and swiglu give 0, with slope 0. 0 times an infinite g(u) is NaN.

Source
    Dauphin et al., "Language modeling with gated convolutional networks", 2017, eq. 1; Shazeer, "GLU variants improve
    Transformer", 2020, eqs. 5 and 6.

What the rules give beyond autodiff: two arrays are kept where autodiff keeps up to five.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_axis, require_floating, require_same_dtype, require_shape
from .._common._cotangent import cotangent
from .._common._precision import widen
from ._gelu import gelu_value_and_slope
from ._silu import silu_value_and_slope


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def glu(x: Array, gate: Array | None = None, axis: int = -1) -> Array:
    """``x sigmoid(gate)``, element by element.

    Args:
      x: ``[...]``, floating.
      gate: of x's shape and dtype; None to take x apart along the axis: its first half is then x, its second the gate.
      axis: used only to take x apart.

    Returns:
      ``[...]``, of x's dtype; half as long along the axis if there is no gate.

    Raises:
      TypeError, ValueError: the shapes or dtypes differ, or the axis cannot be halved.
    """
    return glu_fwd(x, gate, axis)[0]


def glu_fwd(x, gate, axis):
    return _through("glu", _sigmoid, x, gate, axis), (x, gate)


def glu_bwd(axis, residuals, y_bar):
    return _back(_sigmoid, axis, residuals, y_bar)


glu.defvjp(glu_fwd, glu_bwd)


def glu_reference(x, gate=None, axis=-1):
    x, gate = _halves(x, gate, axis)
    return x / (1 + jnp.exp(-gate))


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def reglu(x: Array, gate: Array | None = None, axis: int = -1) -> Array:
    """``x max(gate, 0)``, element by element; arguments and errors as for `glu`."""
    return reglu_fwd(x, gate, axis)[0]


def reglu_fwd(x, gate, axis):
    return _through("reglu", _relu, x, gate, axis), (x, gate)


def reglu_bwd(axis, residuals, y_bar):
    return _back(_relu, axis, residuals, y_bar)


reglu.defvjp(reglu_fwd, reglu_bwd)


def reglu_reference(x, gate=None, axis=-1):
    x, gate = _halves(x, gate, axis)
    return x * (gate + jnp.abs(gate)) / 2


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def geglu(x: Array, gate: Array | None = None, axis: int = -1, approximate: bool = True) -> Array:
    """``x gelu(gate)``, element by element; arguments and errors as for `glu`, ``approximate`` as for `gelu`."""
    return geglu_fwd(x, gate, axis, approximate)[0]


def geglu_fwd(x, gate, axis, approximate):
    return _through("geglu", partial(gelu_value_and_slope, approximate), x, gate, axis), (x, gate)


def geglu_bwd(axis, approximate, residuals, y_bar):
    return _back(partial(gelu_value_and_slope, approximate), axis, residuals, y_bar)


geglu.defvjp(geglu_fwd, geglu_bwd)


def geglu_reference(x, gate=None, axis=-1, approximate=True):
    x, gate = _halves(x, gate, axis)
    if approximate:
        cubic = (2 / jnp.pi) ** 0.5 * (gate + 0.044715 * gate * gate * gate)
        return x * gate / 2 * (1 + jnp.tanh(cubic))
    return x * gate / 2 * (1 + jax.scipy.special.erf(gate / 2**0.5))


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def swiglu(x: Array, gate: Array | None = None, axis: int = -1) -> Array:
    """``x silu(gate)``, element by element; arguments and errors as for `glu`."""
    return swiglu_fwd(x, gate, axis)[0]


def swiglu_fwd(x, gate, axis):
    return _through("swiglu", silu_value_and_slope, x, gate, axis), (x, gate)


def swiglu_bwd(axis, residuals, y_bar):
    return _back(silu_value_and_slope, axis, residuals, y_bar)


swiglu.defvjp(swiglu_fwd, swiglu_bwd)


def swiglu_reference(x, gate=None, axis=-1):
    x, gate = _halves(x, gate, axis)
    return x * gate / (1 + jnp.exp(-gate))


def _through(rule, g, x, gate, axis):
    require_floating(rule, x=x)
    if gate is None:
        require_axis(rule, axis, x.ndim)
        require_shape(rule, "x", x, f"of an even size along axis {axis}", x.shape[axis] % 2 == 0)
    else:
        require_floating(rule, gate=gate)
        require_shape(rule, "gate", gate, f"{list(x.shape)}, the shape of x", gate.shape == x.shape)
        require_same_dtype(rule, x=x, gate=gate)
    value, u = _halves(x, gate, axis)
    return (widen(value) * g(widen(u))[0]).astype(x.dtype)


def _back(g, axis, residuals, y_bar):
    x, gate = residuals
    value, u = _halves(x, gate, axis)
    passed, slope = g(widen(u))
    x_bar, u_bar = widen(y_bar) * passed, widen(y_bar) * widen(value) * slope
    if gate is None:
        return cotangent(jnp.concatenate([x_bar, u_bar], axis), x), None
    return cotangent(x_bar, x), cotangent(u_bar, gate)


def _halves(x, gate, axis):
    return (x, gate) if gate is not None else jnp.split(x, 2, axis)


def _sigmoid(u):
    s = jax.lax.logistic(u)
    return s, s * (1 - s)


def _relu(u):
    return jnp.where(u <= 0, 0, u), jnp.where(u > 0, 1.0, 0.0).astype(u.dtype)
