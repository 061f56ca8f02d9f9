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

Rounding
    m(x) may be far larger than x - m(x), so that its rounding alone would be an error of 0.03 at a mean of 1e6 in
    float32. It is kept as two numbers: the rounded mean, and what the rounding has lost, which is subtracted after it.
    c² may overflow where c does not. r is s (m((s c)²) + s² eps)^(-1/2), with 1 / s the largest x less the mean, or 1 if
    that is less: both are at hand, and |s c| ≤ n.

Residuals
    x, which the caller holds, and three numbers for each mean: the two of m(x), and r. z is rebuilt: two differences and
    a product are cheaper than reading an array of x's size from memory.

Edges
    Equal entries give z = 0 exactly, whatever their size: the mean is taken of the differences from the largest entry.
    Then x_bar = (z_bar - m(z_bar)) / √eps, or 0 where r is beyond the range of x's dtype. ±1e30 gives z = ±1 in float32
    too. Where the sum of the differences overflows, r = 0: z = 0 and x_bar = 0; the second order is 0 as well, or NaN.
    inf or NaN among the entries makes z NaN.

Source
    Ioffe & Szegedy, "Batch normalization", 2015, algorithm 1 and section 3; Chan, Golub & LeVeque, "Algorithms for
    computing the sample variance", 1983.
"""

import jax
import jax.numpy as jnp
from jax import lax

from .._common._cotangent import per_feature
from .._common._precision import as_row, finite, representable, widen

Axes = tuple[int, ...]


def moments(x, axes: Axes, axis_name=None):
    """Mean, what its rounding has lost, and biased variance, over the axes, which stay with size 1; in float32 at least."""
    mean, lost, _ = _centre(x, axes, axis_name)
    return mean, lost, _mean(jnp.square(widen(x) - mean - lost), axes, axis_name)


def standardize(x, axes: Axes, eps: float, axis_name=None):
    """z, and the numbers that it is rebuilt from by `standardized`: the two of the mean, and r."""
    mean, lost, s = _centre(x, axes, axis_name)
    square = _mean(jnp.square(s * (widen(x) - mean - lost)), axes, axis_name)
    r = s * lax.rsqrt(square + s * s * eps)
    return standardized(x, mean, lost, r), (mean, lost, r)


def standardized(x, mean, lost, r):
    """z again; a difference that overflows counts as the largest number, so that r = 0 makes it 0."""
    return finite(widen(x) - mean - lost) * r


def standardize_bwd(x, z, statistics, z_bar, axes: Axes, m=None):
    """x_bar, in float32 at least; ``m`` is the function that `kept_mean` made in the forward pass."""
    m = m or (lambda a: _mean(a, axes))
    return representable(statistics[-1], x) * (z_bar - m(z_bar) - z * m(z * z_bar))


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


def _centre(x, axes, axis_name):
    """The mean, rounded, what the rounding has lost, and s."""
    x = widen(x)
    limits = jnp.finfo(x.dtype)
    largest = lax.stop_gradient(jnp.max(x, axes, keepdims=True, initial=limits.min))
    if axis_name is not None:
        largest = lax.pmax(largest, axis_name)
    less = _mean(x - largest, axes, axis_name)
    mean = largest + less
    lost = jnp.where(jnp.isfinite(less), less - (mean - largest), 0)
    s = 1 / jnp.clip(-less, 1, 1 / limits.tiny)
    return mean, lax.stop_gradient(lost), lax.stop_gradient(s)


def _mean(a, axes, axis_name=None):
    a = jnp.mean(a, axes, keepdims=True)
    return a if axis_name is None else lax.pmean(a, axis_name)
