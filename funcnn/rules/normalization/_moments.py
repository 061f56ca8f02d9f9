r"""What the normalisations share: mean 0 and variance 1 over some axes, and a scale and a shift for each feature.

Forward, m(·) the mean over the axes, and over the devices or mapped examples of ``axis_name`` where one is given
    z = r (x - m(x)),   r = (m((x - m(x))²) + eps)^(-1/2)
    y = scale z + shift

Backward
    scale_bar = Σ y_bar z     shift_bar = Σ y_bar     over all entries that one scale, or shift, serves
    z_bar     = scale y_bar
    x_bar     = r (z_bar - m(z_bar) - z m(z z_bar))

Derivation
    dy = scale dz + z dscale + dshift gives z_bar, and as sums over the copies scale_bar and shift_bar.
    With c = x - m(x): dc = dx - m(dx), and dr = -r³ m(c dc) = -r² m(z dx), as m(z) = 0.
    dz = r dc + c dr = r (dx - m(dx) - z m(z dx)). This map is its own transpose, since
    ⟨z_bar, m(dx)⟩ = ⟨m(z_bar), dx⟩ and ⟨z_bar, z m(z dx)⟩ = ⟨z m(z z_bar), dx⟩. The same holds across devices: each holds
    a part of the same vectors, and only m(·) takes numbers from the others.

Residuals
    x, which the caller holds, and m(x) and r, two numbers for each mean. z is rebuilt: a difference and a product are
    cheaper than reading an array of x's size from memory.

Edges
    Equal entries give z = 0 exactly, whatever their size: the mean is taken of the differences from the largest entry.
    Then x_bar = (z_bar - m(z_bar)) / √eps. Where the variance overflows (entries apart by 1e19 or more in float32), r = 0:
    z = 0 and x_bar = 0; the second order is 0 as well, or NaN where sums of entries overflow. inf or NaN among the
    entries makes z NaN.

Source
    Ioffe & Szegedy, "Batch normalization", 2015, algorithm 1 and section 3; Chan, Golub & LeVeque, "Algorithms for
    computing the sample variance", 1983.
"""

import jax
import jax.numpy as jnp
from jax import lax

from .._common._cotangent import per_feature
from .._common._precision import as_row, finite, widen

Axes = tuple[int, ...]


def moments(x, axes: Axes, axis_name=None):
    """Mean and biased variance over the axes, which stay with size 1; in float32 at least."""
    x = widen(x)
    largest = lax.stop_gradient(jnp.max(x, axes, keepdims=True, initial=jnp.finfo(x.dtype).min))
    if axis_name is not None:
        largest = lax.pmax(largest, axis_name)
    mean = largest + _mean(x - largest, axes, axis_name)
    centred = x - mean
    return mean, _mean(centred * centred, axes, axis_name)


def standardize(x, axes: Axes, eps: float, axis_name=None):
    """z, and the mean and r that it is rebuilt from by `standardized`."""
    mean, variance = moments(x, axes, axis_name)
    r = lax.rsqrt(variance + eps)
    return standardized(x, mean, r), (mean, r)


def standardized(x, mean, r):
    """z again; a difference that overflows counts as the largest number, so that r = 0 makes it 0."""
    return finite(widen(x) - mean) * r


def standardize_bwd(z, r, z_bar, axes: Axes, m=None):
    """x_bar, in float32 at least; ``m`` is the function that `kept_mean` made in the forward pass."""
    m = m or (lambda a: _mean(a, axes))
    return r * (z_bar - m(z_bar) - z * m(z * z_bar))


def kept_mean(like, axes: Axes, axis_name):
    """m(·) of arrays like that one, to keep for the backward pass, where the name of `jax.vmap`'s axis is unbound."""
    return None if axis_name is None else jax.linearize(lambda a: _mean(a, axes, axis_name), like)[1]


def scale_shift(z, scale, shift):
    """``scale z + shift``; None for 1 and 0."""
    z = z if scale is None else as_row(widen(scale), z) * z
    return z if shift is None else z + as_row(widen(shift), z)


def scale_shift_bwd(z, scale, shift, y_bar):
    """z_bar, in float32 at least, scale_bar and shift_bar; None for a scale or a shift that was left out."""
    y_bar = widen(y_bar)
    z_bar = y_bar if scale is None else as_row(widen(scale), z) * y_bar
    return z_bar, per_feature(y_bar * z, scale), per_feature(y_bar, shift)


def _mean(a, axes, axis_name=None):
    a = jnp.mean(a, axes, keepdims=True)
    return a if axis_name is None else lax.pmean(a, axis_name)
