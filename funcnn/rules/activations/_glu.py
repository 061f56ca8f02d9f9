r"""Gated linear units: one array, passed through an activation, weighs another.

Forward, element by element, with v the values, u the gate, and g the unit's activation
    y = v g(u)                           v, u [...]   y [...]
    glu     g(u) = σ(u)                  σ(u) = 1 / (1 + e⁻ᵘ)
    reglu   g(u) = max(u, 0)
    swiglu  g(u) = u σ(u)
    geglu   g(u) = u Φ(u)                Φ the normal distribution function or its tanh form

    v and u are the arguments x and gate or, without a gate, the halves of x.

Backward
    v_bar = y_bar g(u)
    u_bar = y_bar v g'(u)

Derivation
    dy = g(u) dv + v g'(u) du, and each factor moves to the other side of ⟨·,·⟩ as it is:
    ⟨y_bar, dy⟩ = ⟨y_bar g(u), dv⟩ + ⟨y_bar v g'(u), du⟩.
    σ' = σ (1 - σ), and max(u, 0)' = 1 where u > 0 and 0 elsewhere; g' of the others is derived in `_silu` and `_gelu`.
    Where v and u are the halves of x, x_bar is v_bar and u_bar, joined along the same axis.

Residuals
    x and gate, once each, or x alone where it is halved. g(u) and g'(u) are recomputed.

Edges
    Those of g: reglu's g'(0) = 0; at u = -inf swiglu and geglu give 0, with slope 0. 0 times an infinite g(u) is NaN.

Accuracy
    glu: value within 4 ulp, cotangents within 5; in half precision 0.51 and 0.51;
        at random and adversarial points.
    reglu: value within 0.51 ulp, cotangents within 0.51; in half precision 0.51 and 0.51;
        at random and adversarial points.
    geglu: value within 200 ulp, cotangents within 200; in half precision 0.51 and 0.51;
        at random and adversarial points.
    swiglu: value within 4 ulp, cotangents within 8; in half precision 0.51 and 0.51;
        at random and adversarial points.
    geglu is as far off as gelu in its tail and near its slope's root: gelu's page says why.

Source
    Dauphin et al., "Language modeling with gated convolutional networks", 2017, eq. 1 (glu); Shazeer, "GLU variants
    improve Transformer", 2020, eqs. 5 and 6 (the others).

What the rules give beyond autodiff: two arrays are kept where autodiff keeps up to five.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_axis, require_bool, require_shape, shapes
from .._common._cotangent import cotangent
from .._common._precision import widen
from ._gelu import gelu_value_and_slope
from ._silu import silu_value_and_slope


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def glu(x: Array, gate: Array | None = None, axis: int = -1) -> Array:
    """``x sigmoid(gate)``, element by element.

    Args:
      x: ``[...]``, floating.
      gate: of x's shape and dtype; None to halve x along the axis: its first half is then x, its second the gate.
      axis: used only to halve x.

    Returns:
      ``[...]``, of x's dtype; half as long along the axis if there is no gate.

    Raises:
      TypeError: x or gate is not floating, or their dtypes differ.
      ValueError: their shapes differ, or the axis cannot be halved.
    """
    return glu_fwd(x, gate, axis)[0]


def glu_fwd(x, gate, axis):
    return _gated("glu", _sigmoid, x, gate, axis), (x, gate)


def glu_bwd(axis, residuals, y_bar):
    return _cotangents(_sigmoid, axis, residuals, y_bar)


glu.defvjp(glu_fwd, glu_bwd)


def glu_reference(x, gate=None, axis=-1):
    x, gate = _halves(x, gate, axis)
    return x / (1 + jnp.exp(-gate))


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def reglu(x: Array, gate: Array | None = None, axis: int = -1) -> Array:
    """``x max(gate, 0)``, element by element; at a gate of 0 its derivative is 0.

    Arguments, result and errors are those of `glu`.
    """
    return reglu_fwd(x, gate, axis)[0]


def reglu_fwd(x, gate, axis):
    return _gated("reglu", _relu, x, gate, axis), (x, gate)


def reglu_bwd(axis, residuals, y_bar):
    return _cotangents(_relu, axis, residuals, y_bar)


reglu.defvjp(reglu_fwd, reglu_bwd)


def reglu_reference(x, gate=None, axis=-1):
    x, gate = _halves(x, gate, axis)
    return x * (gate + jnp.abs(gate)) / 2


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def swiglu(x: Array, gate: Array | None = None, axis: int = -1) -> Array:
    """``x silu(gate)``, element by element.

    Arguments, result and errors are those of `glu`.
    """
    return swiglu_fwd(x, gate, axis)[0]


def swiglu_fwd(x, gate, axis):
    return _gated("swiglu", silu_value_and_slope, x, gate, axis), (x, gate)


def swiglu_bwd(axis, residuals, y_bar):
    return _cotangents(silu_value_and_slope, axis, residuals, y_bar)


swiglu.defvjp(swiglu_fwd, swiglu_bwd)


def swiglu_reference(x, gate=None, axis=-1):
    x, gate = _halves(x, gate, axis)
    return x * gate / (1 + jnp.exp(-gate))


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def geglu(x: Array, gate: Array | None = None, axis: int = -1, approximate: bool = True) -> Array:
    """``x gelu(gate)``, element by element.

    Arguments, result and errors are those of `glu`; ``approximate`` is that of `gelu`.
    """
    return geglu_fwd(x, gate, axis, approximate)[0]


def geglu_fwd(x, gate, axis, approximate):
    return _gated("geglu", _gelu(approximate), x, gate, axis), (x, gate)


def geglu_bwd(axis, approximate, residuals, y_bar):
    return _cotangents(_gelu(approximate), axis, residuals, y_bar)


geglu.defvjp(geglu_fwd, geglu_bwd)


def geglu_reference(x, gate=None, axis=-1, approximate=True):
    x, gate = _halves(x, gate, axis)
    if approximate:
        cubic = (2 / jnp.pi) ** 0.5 * (gate + 0.044715 * gate * gate * gate)
        return x * gate / 2 * (1 + jnp.tanh(cubic))
    return x * gate / 2 * (1 + jax.scipy.special.erf(gate / 2**0.5))


def _gated(rule, g, x, gate, axis):
    """v g(u), its arguments examined; g gives value and slope."""
    shapes(rule, x=(x, "..."), gate=(gate, "... | None"))
    if gate is None:
        require_axis(rule, axis, x.ndim)
        require_shape(rule, "x", x, f"of an even size along axis {axis}", x.shape[axis] % 2 == 0)
    v, u = _halves(x, gate, axis)
    return (widen(v) * g(widen(u))[0]).astype(x.dtype)


def _cotangents(g, axis, residuals, y_bar):
    """Those of x and gate, or of x and None where x is halved."""
    x, gate = residuals
    v, u = _halves(x, gate, axis)
    passed, slope = g(widen(u))
    v_bar, u_bar = widen(y_bar) * passed, widen(y_bar) * slope * widen(v)  # y_bar v may overflow, and the slope be 0
    if gate is None:
        return cotangent(jnp.concatenate([v_bar, u_bar], axis), x), None
    return cotangent(v_bar, x), cotangent(u_bar, gate)


def _halves(x, gate, axis):
    """v and u: x and the gate as they are given, or the halves of x."""
    return (x, gate) if gate is not None else jnp.split(x, 2, axis)


def _sigmoid(u):
    """σ and its slope, σ(u) σ(-u), by one exponential: s (1 - s) would lose the slope's digits where s is near 1."""
    e = jnp.exp(jnp.where(u >= 0, -u, u))
    large = 1 / (1 + e)
    return jnp.where(u >= 0, large, e * large), e * large * large


def _relu(u):
    return jnp.where(u <= 0, 0, u), jnp.where(u > 0, 1.0, 0.0).astype(u.dtype)


def _gelu(approximate):
    require_bool("geglu", approximate=approximate)
    return partial(gelu_value_and_slope, approximate)
