r"""Rotary position embedding: pairs of features turned by an angle that grows with the position.

Forward, for each pair (a, b) of a position p and a head, ω being the pair's frequency
    θ = p ω                              p [..., T] or [T]   ω_i = base^(-2i / r), i = 0 … r/2 - 1, or scaled
    y_a = m (a cos θ - b sin θ)          x [..., T, heads, dim]   y [..., T, heads, dim]
    y_b = m (b cos θ + a sin θ)          r = fraction · dim features are turned; m = 1, but for YaRN
    Pairs are halves, a_i = x_i and b_i = x_(i + r/2), or interleaved, a_i = x_(2i) and b_i = x_(2i + 1).

Backward
    a_bar = m (y_a_bar cos θ + y_b_bar sin θ)
    b_bar = m (y_b_bar cos θ - y_a_bar sin θ): y_bar, turned by -θ

Derivation
    y = m R(θ) x, and a rotation's transpose is the rotation back: ⟨y_bar, m R(θ) dx⟩ = ⟨m R(-θ) y_bar, dx⟩.

Residuals
    The positions. Cosines and sines are computed again; neither x nor y is needed.

Edges
    Below float64 the angle is exact at every position from -2³¹ to 2³² - 1: ω / 2π is taken to 64 binary digits, as two
    words, p ω / 2π is an integer product of which whole turns fall away by themselves, and what remains of a quarter turn
    is rounded once. A product in float32 has no digit of an angle left at 2²⁴. Half precision is turned in float32.

Accuracy
    rope: value within 3 ulp, cotangents within 3; in half precision 0.51 and 0.51;
        at random and adversarial points.

Source
    Su et al., "RoFormer: enhanced transformer with rotary position embedding", 2021, eqs. 13 and 34. GPT-NeoX turns
    halves, GPT-J interleaved pairs; weights of one do not fit the other.

What the rule gives beyond autodiff: neither cosines nor sines are kept, and angles are right at any position.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from .._common._checks import are_integers, describe, require_bool, require_number, shapes
from .._common._cotangent import cotangent, token
from .._common._precision import widen
from ._frequencies import frequencies


def rope(
    x: Array,
    positions: Array,
    *,
    base: float = 10_000.0,
    fraction: float = 1.0,
    interleaved: bool = False,
    scaling: Mapping[str, Any] | None = None,
) -> Array:
    """Turn pairs of features by angles in proportion to the position, so that products of two tell their distance.

    Args:
      x: ``[..., T, heads, dim]``, floating: queries or keys, usually with one leading axis, the batch.
      positions: ``[..., T]`` or ``[T]``, integers.
      base: the slowest pair turns by about 1 / base radians a position.
      fraction: the part of dim that is turned, from the first feature on; the rest is handed on.
      interleaved: whether pairs are neighbours, as GPT-J has them, rather than halves, as GPT-NeoX and Llama do.
      scaling: for sequences longer than those of training, as in a Hugging Face configuration: ``{"rope_type": "linear",
        "factor": 2.0}``, or of type ``"ntk"``, ``"yarn"`` or ``"llama3"`` with what belongs to it.

    Returns:
      The shape and dtype of x.

    Raises:
      TypeError: x is not floating, positions are not integers, or an option is of another type.
      ValueError: the shapes do not fit, the features that are turned are not an even number, or an option is out of range.

    Example:
      >>> q, k = jax.random.normal(jax.random.key(0), (2, 1, 4, 1, 8))
      >>> product = lambda p: (rules.rope(q, p) * rules.rope(k, p + 3)).sum()
      >>> jnp.allclose(product(jnp.arange(4)), product(jnp.arange(4) + 1_000_000), rtol=1e-5).item()
      True
    """
    shapes("rope", x=(x, "... T heads dim"))
    if not are_integers(positions):
        raise TypeError(f"rope: positions must be an array of integers, got {describe(positions)}")
    if positions.shape not in (x.shape[:-2], x.shape[-3:-2]):
        expected = f"{list(x.shape[:-2])} or {list(x.shape[-3:-2])} to follow x {list(x.shape)}"
        raise ValueError(f"rope: positions must be {expected}, got {describe(positions)}")
    require_number("rope", "base", base, "above 1", lambda v: v > 1)
    require_number("rope", "fraction", fraction, "from 0 to 1", lambda v: 0 <= v <= 1)
    require_bool("rope", interleaved=interleaved)
    turned = round(fraction * x.shape[-1])
    if turned % 2:
        raise ValueError(f"rope: fraction · dim must be even, got {turned} of {x.shape[-1]} features")
    return _rope(x, positions, *frequencies(turned, base, scaling), interleaved)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _rope(x, positions, omega, magnitude, interleaved):
    return rope_fwd(x, positions, omega, magnitude, interleaved)[0]


def rope_fwd(x, positions, omega, magnitude, interleaved):
    cos, sin = cos_sin(positions, omega, widen(x).dtype)
    y = _turned(widen(x), magnitude * cos, magnitude * sin, interleaved)
    return y.astype(x.dtype), (positions, token(x))


def rope_bwd(omega, magnitude, interleaved, residuals, y_bar):
    positions, x = residuals
    cos, sin = cos_sin(positions, omega, widen(x).dtype)
    return cotangent(_turned(widen(y_bar), magnitude * cos, -magnitude * sin, interleaved), x), None


_rope.defvjp(rope_fwd, rope_bwd)


def rope_reference(x, positions, *, base=10_000.0, fraction=1.0, interleaved=False, scaling=None):
    """A pair as one complex number, times a power of e."""
    r = round(fraction * x.shape[-1])
    omega, magnitude = frequencies(r, base, scaling)
    pairs = x[..., :r].reshape(*x.shape[:-1], *((r // 2, 2) if interleaved else (2, r // 2)))
    a, b = jnp.moveaxis(pairs, -1 if interleaved else -2, 0)
    theta = jnp.tensordot(positions.astype(x.dtype), jnp.asarray(omega, x.dtype), 0)
    theta = theta.reshape((1,) * (x.ndim - 2 - positions.ndim) + (*positions.shape, 1, r // 2))
    z = jax.lax.complex(magnitude * jnp.cos(theta), magnitude * jnp.sin(theta)) * jax.lax.complex(a, b)
    y = jnp.stack([z.real, z.imag], -1 if interleaved else -2).reshape(*x.shape[:-1], r)
    return jnp.concatenate([y, x[..., r:]], -1)


def _turned(x, cos, sin, interleaved):
    """The pairs of x turned by angles ``[T, pairs]`` or ``[..., T, pairs]``; the features beyond them as they are."""
    cos, sin = (v.reshape((1,) * (x.ndim - 1 - v.ndim) + (*v.shape[:-1], 1, v.shape[-1])) for v in (cos, sin))
    n = cos.shape[-1]
    a, b = (x[..., : 2 * n : 2], x[..., 1 : 2 * n : 2]) if interleaved else (x[..., :n], x[..., n : 2 * n])
    y_a, y_b = a * cos - b * sin, b * cos + a * sin
    y = jnp.stack([y_a, y_b], -1 if interleaved else -2).reshape(*x.shape[:-1], 2 * n)
    return jnp.concatenate([y, x[..., 2 * n :]], -1) if 2 * n < x.shape[-1] else y


def cos_sin(positions, omega, dtype):
    """Cosine and sine of p ω, ``[..., pairs]``: of exact angles below float64, and of products in float64."""
    p = positions[..., None]
    if dtype == jnp.float64:
        theta = p.astype(dtype) * np.asarray(omega).reshape((1,) * positions.ndim + (-1,))
        return jnp.cos(theta), jnp.sin(theta)
    turns = _turns(p, *(word.reshape((1,) * positions.ndim + (-1,)) for word in _words(omega)))
    quarter = (turns + np.uint32(2**29)) >> 30  # 4 of them stand for 0
    rest = jax.lax.bitcast_convert_type(turns - (quarter << 30), jnp.int32)
    theta = rest.astype(dtype) * np.asarray(2 * np.pi * 2.0**-32, dtype)
    cos, sin = jnp.cos(theta), jnp.sin(theta)
    odd = (quarter & 1) == 1
    cos, sin = jnp.where(odd, sin, cos), jnp.where(odd, cos, sin)
    return jnp.where(((quarter + 1) & 2) == 2, -cos, cos), jnp.where((quarter & 2) == 2, -sin, sin)


_INVERSE_TWO_PI = 0x28BE60DB9391054A7F09D5F47D4D3770  # 2¹²⁸ / 2π


def _words(omega):
    """ω / 2π in units of 2⁻⁶⁴, as arrays of its upper and its lower 32 digits: turns a position, but for whole ones."""
    ratios = [w.as_integer_ratio() for w in omega]
    units = [(above * _INVERSE_TWO_PI // below >> 64) % 2**64 for above, below in ratios]
    return np.array([u >> 32 for u in units], np.uint32), np.array([u % 2**32 for u in units], np.uint32)


def _turns(p, upper, lower):
    """p ω / 2π in units of 2⁻³², but for whole turns: the upper words of a product of integers."""
    n = p.astype(jnp.uint32)
    n0, n1, low0, low1 = n & 0xFFFF, n >> 16, lower & 0xFFFF, lower >> 16
    middle = n1 * low0 + (n0 * low0 >> 16)
    carried = n1 * low1 + (middle >> 16) + (n0 * low1 + (middle & 0xFFFF) >> 16)
    return n * upper + carried - jnp.where(p < 0, lower, np.uint32(0))  # n is p + 2³² there
