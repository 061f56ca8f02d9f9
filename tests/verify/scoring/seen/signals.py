"""Held out, blind: wrong rules of implicit functions, interpolation, series and filters."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, pointwise, rule, uniform, wrong
from tests.helpers.witness import differs, doubled, gap, pullback, second_order

from .determinism import wrong_by_differences
from .no_autodiff import differs_from

cases: list[Case] = []


def wrong_in_the_second(f, x, a):
    """Central differences in the second argument, a number, part from its cotangent."""
    x, a = doubled((x, a))
    h = 1e-4
    expected = jnp.sum(f(x, a + h) - f(x, a - h)) / (2 * h)
    return gap(pullback(f, (x, a), jnp.ones_like(x), compiled=False)[1:], [expected]) > 1e-2


@wrong(cases, "the mean anomaly for the eccentric one", "S4", wrong_in_the_second)
def kepler_of_mean_anomaly():
    """E − e sin E = M by Newton, in a while loop."""

    def f(mean, e):
        def far(state):
            step, now, before = state
            return (step < 50) & jnp.any(jnp.abs(now - before) > 1e-12)

        def improve(state):
            step, now, _ = state
            return step + 1, now - (now - e * jnp.sin(now) - mean) / (1 - e * jnp.cos(now)), now

        return jax.lax.while_loop(far, improve, (0, mean, mean + 1))[1]

    def bwd(residuals, y_bar):
        mean, e, y = residuals
        mean_bar = y_bar / (1 - e * jnp.cos(y))
        return mean_bar, jnp.sum(mean_bar * jnp.sin(mean))

    def fwd(mean, e):
        y = f(mean, e)
        return y, (mean, e, y)

    return rule(f, fwd, bwd), (uniform(6, low=0.5, high=3.0), jnp.float32(0.3))


@wrong(cases, "a logarithm for the digamma function; the value comes from the host", "S4", wrong_by_differences)
def gamma_by_callback():
    def host(x):
        return np.asarray(np.vectorize(math.gamma, otypes=[float])(x), x.dtype)

    def f(x):
        return jax.pure_callback(host, jax.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="expand_dims")

    return pointwise(f, lambda x: f(x) * jnp.log(x)), (uniform(6, low=1.0, high=4.0),)


def sparsemax(x):
    """The point of the simplex that is nearest to each row, by sorting."""
    z = x - jax.lax.stop_gradient(jnp.max(x, axis=-1, keepdims=True))
    falling = jnp.sort(z, axis=-1)[:, ::-1]
    excess = jnp.cumsum(falling, axis=-1) - 1
    rank = jnp.arange(1, x.shape[-1] + 1, dtype=x.dtype)[None, :]
    size = jnp.sum(rank * falling > excess, axis=-1, keepdims=True)
    return jnp.maximum(z - jnp.take_along_axis(excess, size - 1, axis=-1) / size.astype(x.dtype), 0.0)


@wrong(cases, "the mean over all classes, not over the support", "S4", differs_from(sparsemax), reference=sparsemax)
def sparsemax_by_bisection():
    def f(x):
        def halve(state):
            step, low, high = state
            middle = 0.5 * (low + high)
            above = jnp.sum(jnp.maximum(x - middle, 0.0), axis=-1, keepdims=True) > 1
            return step + 1, jnp.where(above, middle, low), jnp.where(above, high, middle)

        top = jnp.max(x, axis=-1, keepdims=True)
        _, low, high = jax.lax.while_loop(lambda state: state[0] < 60, halve, (0, top - 1, top))
        return jnp.maximum(x - 0.5 * (low + high), 0.0)

    def bwd(y, y_bar):
        inside = (y > 0).astype(y.dtype)
        return (inside * (y_bar - jnp.mean(y_bar, axis=-1, keepdims=True)),)

    return rule(f, lambda x: (f(x), f(x)), bwd), (normal(4, 6),)


@wrong(cases, "the solution is detached in the forward pass: second order wrong", "S8", second_order)
def wright_omega_detached():
    """y + exp(y) = x by Newton."""

    def f(x):
        def improve(_, y):
            return y - (y + jnp.exp(y) - x) / (1 + jnp.exp(y))

        return jax.lax.fori_loop(0, 12, improve, jnp.where(x > 1, jnp.log(jnp.maximum(x, 1.0)), x))

    def fwd(x):
        y = f(jax.lax.stop_gradient(x))
        return y, y

    return rule(f, fwd, lambda y, y_bar: (y_bar / (1 + jnp.exp(y)),)), (normal(6),)


@wrong(cases, "assumes evenly spaced knots, as the example's are", "S3", differs())
def interpolation_even_knots():
    """Linear between knots, and beyond them."""

    def place(x, knots):
        return jnp.clip(jnp.searchsorted(knots, x, side="right") - 1, 0, len(knots) - 2)

    def f(x, knots, values):
        i = place(x, knots)
        part = (x - knots[i]) / (knots[i + 1] - knots[i])
        return (1 - part) * values[i] + part * values[i + 1]

    def bwd(residuals, y_bar):
        x, knots, values = residuals
        i = place(x, knots)
        part = (x - knots[i]) / (knots[i + 1] - knots[i])
        values_bar = jnp.zeros_like(values).at[i].add(y_bar * (1 - part)).at[i + 1].add(y_bar * part)
        pull = y_bar * (values[i + 1] - values[i])
        along = pull / (knots[i + 1] - knots[i])
        knots_bar = jnp.zeros_like(knots).at[i].add(along * (part - 1)).at[i + 1].add(-along * part)
        return pull * (len(knots) - 1) / (knots[-1] - knots[0]), knots_bar, values_bar

    return rule(f, lambda *args: (f(*args), args), bwd), (
        uniform(8),
        jnp.linspace(0, 1, 5, dtype=jnp.float32),
        normal(5),
    )


@wrong(cases, "an odd length has no Nyquist frequency", "S9", differs(lambda x, gain: (normal(9), gain)))
def spectrum_gain_of_even_length():
    """One gain a frequency."""

    def f(x, gain):
        spectrum = jnp.fft.rfft(x)
        return jnp.fft.irfft(spectrum * gain.astype(spectrum.dtype), n=len(x))

    def bwd(residuals, y_bar):
        x, gain = residuals
        twice = jnp.full_like(gain, 2.0).at[0].set(1.0).at[-1].set(1.0)
        product = jnp.conj(jnp.fft.rfft(x)) * jnp.fft.rfft(y_bar)
        return f(y_bar, gain), twice * jnp.real(product) / len(x)

    return rule(f, lambda x, gain: (f(x, gain), (x, gain)), bwd), (normal(8), uniform(5, seed=1))


@wrong(
    cases,
    "sin(n θ) / sin θ at the ends of the interval",
    "S3",
    differs(lambda x, c: (jnp.asarray([-1.0, 0.5, 1.0], x.dtype), c)),
)
def chebyshev_by_angles():
    """A Chebyshev series by Clenshaw's recurrence; its slope by the angle arccos x."""

    def f(x, c):
        now, before = jnp.zeros_like(x), jnp.zeros_like(x)
        for k in range(len(c) - 1, 0, -1):
            now, before = c[k] + 2 * x * now - before, now
        return c[0] + x * now - before

    def bwd(residuals, y_bar):
        x, c = residuals
        n = jnp.arange(len(c), dtype=x.dtype)
        angle = n[None, :] * jnp.arccos(x)[:, None]
        slopes = n[None, :] * jnp.sin(angle) / jnp.sqrt(1 - x * x)[:, None]
        return y_bar * (slopes @ c), y_bar @ jnp.cos(angle)

    return rule(f, lambda x, c: (f(x, c), (x, c)), bwd), (uniform(8, low=-0.9, high=0.9), normal(5))


@wrong(cases, "the first sample's cotangent wraps around to the last", "S2", differs())
def preemphasis_wraps_around():
    """Every sample less a part of the one before."""

    def f(x, part):
        return x - part * jnp.pad(x[:-1], (1, 0))

    def bwd(residuals, y_bar):
        x, part = residuals
        return y_bar - part * jnp.roll(y_bar, -1), -jnp.sum(y_bar[1:] * x[:-1])

    return rule(f, lambda x, part: (f(x, part), (x, part)), bwd), (normal(9), jnp.float32(0.97))


@wrong(cases, "a single sample spans no area", "S9", differs(lambda y, dx: (normal(1), dx)))
def trapezoid_of_one_sample():
    def area(y):
        return 0.5 * jnp.sum(y[1:] + y[:-1])

    def bwd(residuals, area_bar):
        y, dx = residuals
        weights = jnp.ones_like(y).at[0].multiply(0.5).at[-1].multiply(0.5)
        return area_bar * dx * weights, area_bar * area(y)

    return rule(lambda y, dx: dx * area(y), lambda y, dx: (dx * area(y), (y, dx)), bwd), (normal(8), jnp.float32(0.1))
