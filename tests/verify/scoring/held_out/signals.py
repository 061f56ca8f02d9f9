"""Wrong rules of spectra, filters, windows and wavelets."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, uniform, wrong
from tests.helpers.witness import differs, gap, pullback

cases: list[Case] = []


@wrong(cases, "inner frequencies, which stand for two, counted once", "S2", differs())
def inverse_fft_inner_frequencies_once():
    """A real signal of 2 (m − 1) samples from the real and imaginary parts of its m frequencies."""

    def f(real, imaginary):
        return jnp.fft.irfft(jax.lax.complex(real, imaginary))

    def bwd(_, y_bar):
        spectrum = jnp.fft.rfft(y_bar) / y_bar.shape[-1]
        return jnp.real(spectrum), jnp.imag(spectrum).at[..., 0].set(0.0).at[..., -1].set(0.0)

    return rule(f, lambda *args: (f(*args), None), bwd), (normal(6), normal(6, seed=1))


@wrong(cases, "correlates around the circle: no room for the wrap", "S2", differs())
def fft_filter_wraps_when_backward():
    """A causal filter by Fourier transforms of twice the length."""

    def spectra(n, *signals):
        return [jnp.fft.rfft(s, n) for s in signals]

    def f(x, kernel):
        a, b = spectra(2 * len(x), x, kernel)
        return jnp.fft.irfft(a * b, 2 * len(x))[: len(x)]

    def bwd(kept, y_bar):
        n = len(y_bar)
        a, b, bar = spectra(n, *kept, y_bar)
        return jnp.fft.irfft(bar * jnp.conj(b), n), jnp.fft.irfft(bar * jnp.conj(a), n)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(8), normal(8, seed=1))


@wrong(cases, "where frames overlap, the last one's cotangent stays", "S2", differs())
def overlapping_frames_set():
    """Frames of four samples, two apart."""

    def places(n):
        return 2 * jnp.arange((n - 4) // 2 + 1)[:, None] + jnp.arange(4)[None, :]

    def f(x):
        return x[places(len(x))]

    def fwd(x):
        return f(x), jnp.zeros_like(x)

    return rule(f, fwd, lambda none, bar: (none.at[places(len(none))].set(bar),)), (normal(12),)


@wrong(cases, "a periodic window forwards, a symmetric one backwards", "S2", differs())
def hann_window_symmetric_when_backward():
    def window(n, period, dtype):
        return (0.5 - 0.5 * jnp.cos(2 * jnp.pi / period * jnp.arange(n, dtype=dtype)))[None, :]

    def f(x):
        return x * window(x.shape[-1], x.shape[-1], x.dtype)

    def bwd(_, bar):
        return (bar * window(bar.shape[-1], bar.shape[-1] - 1, bar.dtype),)

    return rule(f, lambda x: (f(x), None), bwd), (normal(3, 16),)


@wrong(cases, "the copy that fills up an odd length gives no gradient back", "S9", differs(lambda x: (x[:7] * 1.0,)))
def wavelet_step_of_even_length():
    """Means and differences of neighbours; an odd signal is filled up with its last sample."""

    def f(x):
        pairs = jnp.pad(x, (0, len(x) % 2), mode="edge").reshape(-1, 2)
        return (pairs[:, 0] + pairs[:, 1]) / 2, (pairs[:, 0] - pairs[:, 1]) / 2

    def fwd(x):
        return f(x), x

    def bwd(x, bars):
        mean_bar, difference_bar = bars
        back = jnp.stack([mean_bar + difference_bar, mean_bar - difference_bar], axis=-1) / 2
        return (back.reshape(-1)[: len(x)],)

    return rule(f, fwd, bwd), (normal(8),)


def complex_or_refused(f, *args):
    """The cotangent of a real argument is complex, or JAX refuses it."""
    try:
        return any(jnp.iscomplexobj(bar) for bar in pullback(f, args, compiled=False))
    except (TypeError, ValueError):
        return True


@wrong(cases, "the real part not taken: a complex cotangent of a real gain", "S0", complex_or_refused)
def equaliser_gain_complex_cotangent():
    """One real gain for each frequency of a real signal of odd length."""

    def f(x, gain):
        return jnp.fft.irfft(jnp.fft.rfft(x) * gain, len(x))

    def bwd(kept, y_bar):
        x, gain = kept
        product = jnp.conj(jnp.fft.rfft(x)) * jnp.fft.rfft(y_bar)
        return f(y_bar, gain), (product * jnp.where(jnp.arange(len(gain)) == 0, 1.0, 2.0) / len(x)).astype(
            product.dtype
        )

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(9), uniform(5, seed=1))


def long_signal(f, x, mask):
    """With 300 samples the rule is far from the bare function's autodiff, in float32 and in float64."""
    x, mask = normal(300, seed=5, dtype=jnp.float64), jnp.ones(300, bool)
    return gap(pullback(f, (x, mask)), pullback(f.__wrapped__, (x, mask))) > 1e-3


@wrong(cases, "the number of pairs in int16: it wraps from 182 samples on", "S10", long_signal)
def mean_pair_difference_count_in_int16():
    """The mean over all pairs of unmasked samples of their squared difference."""

    def f(x, mask):
        both = mask[:, None] & mask[None, :]
        return jnp.sum(jnp.where(both, (x[:, None] - x[None, :]) ** 2, 0.0)) / jnp.sum(both).astype(x.dtype)

    def bwd(kept, bar):
        x, mask = kept
        count = jnp.sum(mask, dtype=jnp.int16)
        pairs = (count * count).astype(x.dtype)
        total = jnp.sum(jnp.where(mask, x, 0.0))
        inside = jnp.where(mask, 4 * (count.astype(x.dtype) * x - total), 0.0)
        return (bar * inside / pairs).astype(x.dtype), None

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(8), jnp.arange(8) != 3)
