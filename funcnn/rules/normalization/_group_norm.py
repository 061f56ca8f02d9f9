r"""Normalisation of each example by itself, over space: in groups of channels, or channel by channel.

Forward, m(·) the mean over an example's space, and for group_norm over the channels of a group
    z = r (x - m(x)),   r = (m((x - m(x))²) + eps)^(-1/2)
    y = scale z + shift                  x, z, y [batch, *space, channels]   scale, shift [channels], or None

Backward, Σ over all axes but the last
    scale_bar = Σ y_bar z      shift_bar = Σ y_bar      z_bar = scale y_bar
    x_bar = r (z_bar - m(z_bar) - z m(z z_bar))
    The sums of y_bar and of y_bar z over each example's space give all four: scale is the same for a whole channel.

Derivation
    That of `_moments`, with an example's group, or channel, as what the mean is taken over: each is normalised by itself.
    group_norm sees x as [batch, *space, groups, channels / groups]. This reshape moves no entry, so that its transpose,
    the reshape back, moves none either.

Residuals
    The arguments, which the caller holds anyway (of shift only the shape is read), and m(x), as two numbers, and r:
    three float32 for each example and group, or channel. z is rebuilt.

Edges
    A group of equal entries gives y = shift exactly and x_bar = (z_bar - m(z_bar)) / √eps. A group that holds inf or NaN is
    NaN. One group is a layer norm over all but the batch, one channel a group an instance norm. No batch, or no space,
    gives empty arrays. Half precision is accumulated in float32 and rounded once.

Accuracy
    group_norm: value within 6 ulp, cotangents within 10; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes 2⁻¹⁰⁰ to 2¹⁰⁰.
    instance_norm: value within 6 ulp, cotangents within 10; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes 2⁻¹⁰⁰ to 2¹⁰⁰.

Source
    Wu & He, "Group normalization", 2018, eqs. 1, 2 and 7; Ulyanov, Vedaldi & Lempitsky, "Instance normalization: the
    missing ingredient for fast stylization", 2016, eq. 3.

What the rules give beyond autodiff: no array of x's size on the way, where autodiff has one, and in a scan a fifteenth of
its temporary memory.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import is_int, require_number, require_shape, shapes
from .._common._cotangent import cotangent, per_feature
from .._common._precision import as_factor, representable, widen
from ._moments import scale_shift, standardize, standardized


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def group_norm(x: Array, scale: Array | None, shift: Array | None, groups: int, eps: float = 1e-5) -> Array:
    """Give each example's groups of channels mean 0 and variance 1, then scale and shift each channel.

    Args:
      x: ``[batch, *space, channels]``, floating.
      scale, shift: ``[channels]``, of x's dtype; None for 1 and 0.
      groups: into how many blocks of equal size the channels are divided.
      eps: added to the variance, which is the biased one; above 0.

    Returns:
      The shape and dtype of x. A group of equal entries becomes the shift.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype.
      ValueError: the shapes do not fit, groups does not divide the channels, or eps is not above 0.
    """
    return group_norm_fwd(x, scale, shift, groups, eps)[0]


def group_norm_fwd(x, scale, shift, groups, eps):
    learned = {"scale": (scale, "channels | None"), "shift": (shift, "channels | None")}
    shapes("group_norm", x=(x, "batch *space channels"), **learned)
    require_number("group_norm", "eps", eps, "above 0", lambda v: v > 0)
    if not is_int(groups) or groups < 1 or x.shape[-1] % groups:
        raise ValueError(f"group_norm: groups must divide the {x.shape[-1]} channels of x, got {groups!r}")
    z, statistics = standardize(_in_groups(x, groups), _space_and_group(x), eps)
    return scale_shift(z.reshape(x.shape), scale, shift).astype(x.dtype), (x, scale, shift, statistics)


def group_norm_bwd(groups, eps, residuals, y_bar):
    del eps
    return _cotangents(residuals, y_bar, groups)


group_norm.defvjp(group_norm_fwd, group_norm_bwd)


def group_norm_reference(x, scale, shift, groups, eps=1e-5):
    """One group after another, each brought to one row an example, by the differences of all pairs of its entries."""
    normalized = []
    for group in jnp.split(x, groups, axis=-1):
        rows = group.reshape(len(x), group.size // max(len(x), 1))
        difference = rows[:, :, None] - rows[:, None, :]
        variance = jnp.mean(difference**2, axis=(1, 2))[:, None] / 2
        normalized.append((jnp.mean(difference, axis=2) / jnp.sqrt(variance + eps)).reshape(group.shape))
    return _scale_shift_reference(jnp.concatenate(normalized, axis=-1), scale, shift)


@partial(jax.custom_vjp, nondiff_argnums=(3,))
def instance_norm(x: Array, scale: Array | None = None, shift: Array | None = None, eps: float = 1e-5) -> Array:
    """Give each example's channels mean 0 and variance 1 over space, then scale and shift each channel.

    Args:
      x: ``[batch, *space, channels]`` with at least one axis of space, floating.
      scale, shift: ``[channels]``, of x's dtype; None for 1 and 0.
      eps: added to the variance, which is the biased one; above 0.

    Returns:
      The shape and dtype of x. A channel of equal entries becomes the shift.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype.
      ValueError: the shapes do not fit, or eps is not above 0.
    """
    return instance_norm_fwd(x, scale, shift, eps)[0]


def instance_norm_fwd(x, scale, shift, eps):
    learned = {"scale": (scale, "channels | None"), "shift": (shift, "channels | None")}
    shapes("instance_norm", x=(x, "batch *space channels"), **learned)
    require_shape("instance_norm", "x", x, "[batch, *space, channels] with at least one axis of space", x.ndim >= 3)
    require_number("instance_norm", "eps", eps, "above 0", lambda v: v > 0)
    z, statistics = standardize(x, _space(x), eps)
    return scale_shift(z, scale, shift).astype(x.dtype), (x, scale, shift, statistics)


def instance_norm_bwd(eps, residuals, y_bar):
    del eps
    return _cotangents(residuals, y_bar, residuals[0].shape[-1])


instance_norm.defvjp(instance_norm_fwd, instance_norm_bwd)


def instance_norm_reference(x, scale=None, shift=None, eps=1e-5):
    """By the second moment about 0: the variance is the mean of the squares less the square of the mean."""
    places = max(x[0, ..., 0].size, 1) if len(x) else 1
    mean = jnp.einsum("b...c->bc", x) / places
    variance = jnp.einsum("b...c,b...c->bc", x, x) / places - mean**2
    r = 1 / jnp.sqrt(variance + eps)
    y = jnp.einsum("b...c,bc->b...c", x, r) - jnp.einsum("b...c,bc->b...c", jnp.ones_like(x), mean * r)
    return _scale_shift_reference(y, scale, shift)


def _scale_shift_reference(y, scale, shift):
    y = y if scale is None else jnp.einsum("...c,c->...c", y, scale)
    return y if shift is None else y + jnp.broadcast_to(shift, y.shape)


def _cotangents(residuals, y_bar, groups):
    """Those of both rules; each channel's sums over space serve x, scale and shift."""
    x, scale, shift, statistics = residuals
    mean, lost, r = (a.reshape(len(x), *[1] * (x.ndim - 2), groups, 1) for a in statistics)
    z, y_bar, factor = standardized(_in_groups(x, groups), mean, lost, r), widen(y_bar), as_factor(scale, widen(x))
    sums, along = (jnp.sum(a, _space(x), keepdims=True) for a in (y_bar, z.reshape(x.shape) * y_bar))
    places = max(math.prod(x.shape[1:-1]), 1)
    m = lambda a: jnp.mean(_in_groups(factor * a, groups), axis=-1, keepdims=True) / places
    x_bar = representable(r, x) * (_in_groups(factor * y_bar, groups) - m(sums) - z * m(along))
    return cotangent(x_bar.reshape(x.shape), x), per_feature(along, scale), per_feature(sums, shift)


def _in_groups(x, groups):
    return x.reshape(*x.shape[:-1], groups, x.shape[-1] // max(groups, 1))


def _space_and_group(x):
    return (*_space(x), x.ndim)


def _space(x):
    return tuple(range(1, x.ndim - 1))
