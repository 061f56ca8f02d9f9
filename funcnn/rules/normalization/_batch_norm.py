r"""Batch normalisation: each channel by its mean and variance, the batch's own in training, stored ones in inference.

Forward, m(·) the mean of a channel over all other axes, and over the devices or mapped examples of ``axis_name``
    batch_norm             r = (m((x - m(x))²) + eps)^(-1/2)      z = r (x - m(x))
    batch_norm_inference   r = (variance + eps)^(-1/2)            z = r (x - mean)
    both                   y = scale z + shift
                           x, z, y [..., channels]   mean, variance [channels]   scale, shift [channels], or None

Backward, Σ over all axes but the last
    scale_bar = Σ y_bar z      shift_bar = Σ y_bar      z_bar = scale y_bar
    batch_norm             x_bar = r (z_bar - m(z_bar) - z m(z z_bar))
    batch_norm_inference   x_bar = r z_bar    mean_bar = -Σ x_bar    variance_bar = -½ r² Σ z z_bar

Derivation
    batch_norm: that of `_moments`, with a channel of the whole batch as what the mean is taken over.
    batch_norm_inference: mean and variance are arguments, and dr = -½ r³ dvariance, so that with x - mean = z / r
    dz = r (dx - dmean) + (x - mean) dr = r dx - r dmean - ½ r² z dvariance.
    Each term of ⟨z_bar, dz⟩ is one of the cotangents; those of mean and variance are sums over all that share them.

Residuals
    The arguments, which the caller holds anyway (of shift only the shape is read); for batch_norm also m(x), as two
    numbers, and r: three a channel, so that the devices compute them once. z is rebuilt. With an axis_name the function
    m itself is kept: in the backward pass the name of `jax.vmap`'s axis is unbound.

Edges
    A channel of equal entries, also of one entry, gives y = shift exactly and x_bar = (z_bar - m(z_bar)) / √eps. A channel
    that holds inf or NaN is NaN. An empty batch gives scale_bar = shift_bar = 0. A stored variance of 0 is allowed; one of
    -eps or less gives inf or NaN. Where r is beyond the range of x's dtype, x_bar is 0, and where r² is, variance_bar.
    Half precision is accumulated in float32 and rounded once.

Accuracy
    batch_norm: value within 6 ulp, cotangents within 10; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes 2⁻¹⁰⁰ to 2¹⁰⁰.
    batch_norm_inference: value within 4 ulp, cotangents within 8; in half precision 0.51 and 0.51;
        at random and adversarial points of sizes 2⁻⁴⁰ to 2⁴⁰.

Source
    Ioffe & Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate shift",
    2015, algorithms 1 and 2 and section 3.
"""

from collections.abc import Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from .._common._checks import describe, require_number, shapes
from .._common._cotangent import cotangent, per_feature
from .._common._precision import as_row, representable, widen
from ._moments import kept_mean, moments, scale_shift, scale_shift_bwd, standardize, standardize_bwd, standardized

AxisName = str | tuple[str, ...] | None


@partial(jax.custom_vjp, nondiff_argnums=(3, 4))
def batch_norm(
    x: Array, scale: Array | None = None, shift: Array | None = None, eps: float = 1e-5, axis_name: AxisName = None
) -> Array:
    """Give each channel mean 0 and variance 1 over the batch and all space, then scale and shift it: for training.

    Args:
      x: ``[..., channels]``, floating, with at least one axis more; with an axis_name, ``[channels]`` as well.
      scale, shift: ``[channels]``, of x's dtype; None for 1 and 0.
      eps: added to the variance, which is the biased one; above 0.
      axis_name: the axis of `jax.vmap` or `jax.shard_map`, or several, over which mean and variance are taken too.

    Returns:
      The shape and dtype of x. A channel of equal entries becomes the shift; one that holds inf or NaN becomes NaN.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype, or axis_name is not a name.
      ValueError: the shapes do not fit, or eps is not above 0.
      NameError: axis_name is unbound; for `jax.vmap` JAX says so too where a `jax.jit` or `jax.checkpoint` around it is
        differentiated: put that around the gradient, or inside of the vmap.
    """
    return batch_norm_fwd(x, scale, shift, eps, axis_name)[0]


def batch_norm_fwd(x, scale, shift, eps, axis_name):
    _check_axis_name("batch_norm", axis_name)
    expected = "batch *space channels" if axis_name is None else "... channels"
    shapes("batch_norm", x=(x, expected), scale=(scale, "channels | None"), shift=(shift, "channels | None"))
    require_number("batch_norm", "eps", eps, "above 0", lambda v: v > 0)
    axes = _all_but_channels(x)
    z, statistics = standardize(x, axes, eps, axis_name)
    y = scale_shift(z, scale, shift)
    return y.astype(x.dtype), (x, scale, shift, statistics, kept_mean(y, axes, axis_name))


def batch_norm_bwd(eps, axis_name, residuals, y_bar):
    del eps, axis_name
    x, scale, shift, statistics, m = residuals
    z = standardized(x, *statistics)
    z_bar, scale_bar, shift_bar = scale_shift_bwd(z, scale, shift, y_bar)
    x_bar = standardize_bwd(x, z, statistics, z_bar, _all_but_channels(x), m)
    return cotangent(x_bar, x), scale_bar, shift_bar


batch_norm.defvjp(batch_norm_fwd, batch_norm_bwd)


def batch_norm_reference(x, scale=None, shift=None, eps=1e-5):
    """By the second moment about 0: a channel's variance is the mean of its squares less the square of its mean."""
    rows = x.reshape(-1, x.shape[-1])
    n = max(len(rows), 1)
    mean, square = jnp.einsum("nc->c", rows) / n, jnp.einsum("nc,nc->c", rows, rows) / n
    return batch_norm_inference_reference(x, mean, square - mean**2, scale, shift, eps)


@partial(jax.custom_vjp, nondiff_argnums=(5,))
def batch_norm_inference(
    x: Array,
    mean: Array,
    variance: Array,
    scale: Array | None = None,
    shift: Array | None = None,
    eps: float = 1e-5,
) -> Array:
    """Normalise each channel by a given mean and variance, then scale and shift it.

    Args:
      x: ``[..., channels]``, floating.
      mean, variance: ``[channels]``, of x's dtype.
      scale, shift: ``[channels]``, of x's dtype; None for 1 and 0.
      eps: added to the variance; above 0.

    Returns:
      The shape and dtype of x.

    Raises:
      TypeError: an argument is not floating, or not of x's dtype.
      ValueError: the shapes do not fit, or eps is not above 0.
    """
    return batch_norm_inference_fwd(x, mean, variance, scale, shift, eps)[0]


def batch_norm_inference_fwd(x, mean, variance, scale, shift, eps):
    stored = {"mean": (mean, "channels"), "variance": (variance, "channels")}
    learned = {"scale": (scale, "channels | None"), "shift": (shift, "channels | None")}
    shapes("batch_norm_inference", x=(x, "... channels"), **stored, **learned)
    require_number("batch_norm_inference", "eps", eps, "above 0", lambda v: v > 0)
    z = (widen(x) - as_row(widen(mean), x)) * as_row(_inverse_std(variance, eps), x)
    return scale_shift(z, scale, shift).astype(x.dtype), (x, mean, variance, scale, shift)


def batch_norm_inference_bwd(eps, residuals, y_bar):
    x, mean, variance, scale, shift = residuals
    r = as_row(_inverse_std(variance, eps), x)
    z = (widen(x) - as_row(widen(mean), x)) * r
    z_bar, scale_bar, shift_bar = scale_shift_bwd(z, scale, shift, y_bar)
    x_bar = representable(r, x) * z_bar
    variance_bar = -0.5 * (r * z_bar) * z * jnp.where(r * r > float(jnp.finfo(x.dtype).max), 0, r)
    return cotangent(x_bar, x), per_feature(-x_bar, mean), per_feature(variance_bar, variance), scale_bar, shift_bar


batch_norm_inference.defvjp(batch_norm_inference_fwd, batch_norm_inference_bwd)


def batch_norm_inference_reference(x, mean, variance, scale=None, shift=None, eps=1e-5):
    """As one affine map a channel: y = a x + b, with a = scale / √(variance + eps) and b = shift - a mean."""
    a = jnp.exp(-jnp.log(variance + eps) / 2)
    a = a if scale is None else a * scale
    b = -a * mean if shift is None else shift - a * mean
    return jnp.einsum("...c,c->...c", x, a) + jnp.broadcast_to(b, x.shape)


def batch_statistics(batches: Sequence[Array], axis_name: AxisName = None) -> tuple[Array, Array]:
    """Mean and biased variance of each channel over several batches together, whatever their sizes.

    Args:
      batches: arrays ``[..., channels]``, floating.
      axis_name: as for `batch_norm`.

    Returns:
      Two arrays ``[channels]`` of the batches' dtype.

    Raises:
      TypeError: a batch is not floating, or axis_name is not a name.
      ValueError: there is no batch, or one is empty, has no axes, or has other channels than the first.
    """
    _check_axis_name("batch_statistics", axis_name)
    for batch in batches:
        shapes("batch_statistics", batch=(batch, "... channels"))
    came = list(map(describe, batches))
    if not batches or any(jnp.size(x) == 0 for x in batches):
        raise ValueError(f"batch_statistics: batches must have entries, got {came}")
    channels = batches[0].shape[-1:]
    if any(x.shape[-1:] != channels for x in batches):
        raise ValueError(f"batch_statistics: batches must have {channels[0]} channels each, got {came}")
    each = [moments(x, _all_but_channels(x), axis_name) for x in batches]
    means, lost, variances = (jnp.stack([a.reshape(-1) for a in one]) for one in zip(*each, strict=True))
    sizes = jnp.asarray([[x.size] for x in batches], means.dtype)
    share = sizes / sizes.sum()
    largest = jnp.max(means, axis=0, keepdims=True)
    less = means - largest + lost
    mean = jnp.sum(share * less, axis=0, keepdims=True)
    variance = jnp.sum(share * (variances + (less - mean) ** 2), axis=0)
    return (largest + mean)[0].astype(batches[0].dtype), variance.astype(batches[0].dtype)


def _inverse_std(variance, eps):
    """r, one number a channel."""
    return lax.rsqrt(widen(variance) + eps)


def _all_but_channels(x):
    return tuple(range(x.ndim - 1))


def _check_axis_name(rule, axis_name):
    names = axis_name if isinstance(axis_name, tuple) else (axis_name,)
    if axis_name is not None and not all(isinstance(name, str) for name in names):
        raise TypeError(f"{rule}: axis_name must be the name of an axis, or a tuple of names, got {axis_name!r}")
