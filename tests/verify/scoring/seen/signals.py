"""Wrong rules of interpolation, series, spectra and filters."""

import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, uniform, wrong
from tests.helpers.witness import differs

cases: list[Case] = []


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
