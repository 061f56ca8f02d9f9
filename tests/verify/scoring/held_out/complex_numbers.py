"""Rules of complex arguments and results, in JAX's convention: no conjugate where f is holomorphic."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, need, normal, of_rank, right, rule, wrong
from tests.helpers.witness import differs

cases: list[Case] = []


def waves(*shape, seed=0):
    return jax.lax.complex(normal(*shape, seed=seed), normal(*shape, seed=seed + 50))


@wrong(cases, "the other convention: conjugates of the factors", "S2", differs())
def channel_gain_of_the_other_convention():
    def bwd(args, bar):
        gain, z = args
        return bar * jnp.conj(z), bar * jnp.conj(gain)

    return rule(lambda g, z: g * z, lambda *args: (args[0] * args[1], args), bwd), (waves(6), waves(6, seed=1))


@wrong(cases, "the direction itself, not its conjugate", "S2", differs())
def magnitude_along_its_argument():
    def bwd(z, bar):
        return (bar.astype(z.dtype) * z / jnp.abs(z).astype(z.dtype),)

    return rule(lambda z: jnp.abs(z), lambda z: (jnp.abs(z), z), bwd), (waves(4, 5),)


def turned(theta):
    return jax.lax.complex(jnp.cos(theta), jnp.sin(theta))


@wrong(cases, "the angle turns the other way", "S2", differs())
def phase_shift_angle_reversed():
    """z exp(i θ) of a real angle."""

    def f(theta, z):
        return z * turned(theta)

    def bwd(args, bar):
        theta, z = args
        turn = turned(theta)
        return jnp.imag(bar * z * turn), bar * turn

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6), waves(6, seed=1))


@wrong(cases, "the imaginary part's cotangent is dropped", "S2", differs())
def coherent_mean_of_the_real_part():
    """The energy of the mean phasor, |mean z|², from real in-phase weights."""

    def f(z, w):
        return jnp.abs(jnp.sum(z * w.astype(z.dtype))) ** 2

    def bwd(args, bar):
        z, w = args
        total = jnp.sum(z * w.astype(z.dtype))
        return (2 * bar * w).astype(z.dtype) * jnp.conj(total), 2 * bar * jnp.real(total) * jnp.real(z)

    return rule(f, lambda *args: (f(*args), args), bwd), (waves(8), normal(8, seed=1))


@right(cases, "S2")
def impedance_solve():
    """A⁻¹ b of complex A: the backward pass solves with Aᵀ, not with its adjoint."""

    def f(a, b):
        of_rank(2, a)
        of_rank(1, b)
        need(a.shape == b.shape * 2)
        return jnp.linalg.solve(a, b)

    def fwd(a, b):
        x = f(a, b)
        return x, (a, x)

    def bwd(kept, x_bar):
        a, x = kept
        b_bar = jnp.linalg.solve(a.T, x_bar)
        return -jnp.outer(b_bar, x), b_bar

    a = waves(4, 4) + 4 * jnp.eye(4, dtype=jnp.complex64)
    return rule(f, fwd, bwd), (a, waves(4, seed=1))


@right(cases, "S5")
def biased_magnitude_activation():
    """max(|z| + b, 0) z / |z| of a unitary network, zero at zero."""

    def parts(z, b):
        need(z.shape == b.shape)
        square = jnp.real(z) ** 2 + jnp.imag(z) ** 2
        away = square > 0
        size = jnp.sqrt(jnp.where(away, square, 1))
        return away, size, jnp.where(away, z / size.astype(z.dtype), 0), jnp.maximum(jnp.where(away, size, 0) + b, 0)

    def f(z, b):
        _, _, unit, scaled = parts(z, b)
        return scaled.astype(z.dtype) * unit

    def bwd(args, bar):
        away, size, unit, scaled = parts(*args)
        by = bar * unit
        along = jnp.where(away & (scaled > 0), jnp.real(by), 0)
        across = jnp.where(away, scaled * jnp.imag(by) / size, 0)
        return jax.lax.complex(along, across) * jnp.conj(unit), along

    return rule(f, lambda *args: (f(*args), args), bwd), (waves(12), 0.3 * normal(12, seed=1))


@right(cases, "S0")
def spectrum_of_a_complex_signal():
    """|F z|², real from complex."""

    def fwd(z):
        of_rank(1, z)
        spectrum = jnp.fft.fft(z)
        return jnp.real(spectrum) ** 2 + jnp.imag(spectrum) ** 2, spectrum

    def bwd(spectrum, bar):
        return (jnp.fft.fft(2 * bar.astype(spectrum.dtype) * jnp.conj(spectrum)),)

    return rule(lambda z: fwd(z)[0], fwd, bwd), (waves(8),)
