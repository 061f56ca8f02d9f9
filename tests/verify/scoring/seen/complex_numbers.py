"""Rules of complex numbers, by JAX's convention: the cotangent of z multiplies z_dot, and is not conjugated."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, right, rule, wrong
from tests.helpers.witness import differs, other_dtype

cases: list[Case] = []


def complex_normal(*shape: int, seed: int = 0):
    """Complex numbers of which both parts are standard normal."""
    return jax.lax.complex(normal(*shape, seed=seed), normal(*shape, seed=seed + 100))


def product(bwd):
    return rule(lambda z, w: z * w, lambda z, w: (z * w, (z, w)), bwd), (complex_normal(3), complex_normal(3, seed=1))


@right(cases, "S2")
def product_of_complex():
    return product(lambda residuals, y_bar: (y_bar * residuals[1], y_bar * residuals[0]))


@wrong(cases, "conjugated as in another library", "S2", differs())
def product_conjugated():
    return product(lambda residuals, y_bar: (y_bar * jnp.conj(residuals[1]), y_bar * jnp.conj(residuals[0])))


def magnitude(bwd):
    f = lambda z: jnp.sum(jnp.abs(z) ** 2, axis=-1)
    return rule(f, lambda z: (f(z), z), bwd), (complex_normal(4, 3),)


@right(cases, "S2")
def squared_magnitude():
    return magnitude(lambda z, y_bar: (2 * jnp.conj(z) * y_bar[..., None].astype(z.dtype),))


@wrong(cases, "the direction of steepest ascent, not its conjugate", "S2", differs())
def squared_magnitude_of_ascent():
    return magnitude(lambda z, y_bar: (2 * z * y_bar[..., None].astype(z.dtype),))


@wrong(cases, "the imaginary part is dropped", "S2", differs())
def squared_magnitude_of_the_real_part():
    return magnitude(lambda z, y_bar: ((2 * jnp.real(z) * y_bar[..., None]).astype(z.dtype),))


def phase(bwd):
    f = lambda t: jax.lax.complex(jnp.cos(t), jnp.sin(t))
    return rule(f, lambda t: (f(t), f(t)), bwd), (normal(5),)


@right(cases, "S2")
def phase_factor():
    return phase(lambda y, y_bar: (jnp.real(1j * y * y_bar),))


@wrong(cases, "the result's cotangent is conjugated", "S2", differs())
def phase_factor_conjugated():
    return phase(lambda y, y_bar: (jnp.real(1j * y * jnp.conj(y_bar)),))


def spectrum(bwd):
    """The discrete Fourier transform, and a mixed call: one complex argument, one real, one of which is a gain."""
    f = lambda z, gain: gain.astype(z.dtype) * jnp.fft.fft(z)
    return rule(f, lambda z, gain: (f(z, gain), (z, gain)), bwd), (complex_normal(8), normal(8, seed=2))


@right(cases, "S2")
def fourier_with_a_real_gain():
    return spectrum(lambda residuals, y_bar: (
        jnp.fft.fft(residuals[1].astype(y_bar.dtype) * y_bar), jnp.real(jnp.fft.fft(residuals[0]) * y_bar)))  # fmt: skip


@wrong(cases, "the inverse transform, as where cotangents are conjugated", "S2", differs())
def fourier_by_the_inverse():
    return spectrum(lambda residuals, y_bar: (
        8 * jnp.fft.ifft(residuals[1].astype(y_bar.dtype) * y_bar), jnp.real(jnp.fft.fft(residuals[0]) * y_bar),
    ))  # fmt: skip


@wrong(cases, "a real cotangent of a complex argument, which JAX lets pass", "S0", other_dtype)
def real_part_with_a_real_cotangent():
    return rule(lambda z: 2 * z.real, lambda z: (2 * z.real, None), lambda _, y_bar: (2 * y_bar,)), (complex_normal(3),)


@wrong(cases, "the sign of the imaginary part is lost where the real part is negative", "S3",
       differs(lambda z: (jnp.asarray([-1.0 + 0.5j, 0.3 + 0.2j], jnp.complex128),)))  # fmt: skip
def square_root_of_the_right_half_plane():
    f = lambda z: jnp.sqrt(z)
    bwd = lambda z, y_bar: (y_bar / (2 * jnp.sqrt(jax.lax.complex(jnp.abs(z.real), z.imag))),)
    return rule(f, lambda z: (f(z), z), bwd), (jax.lax.complex(jnp.abs(normal(4)) + 0.1, normal(4, seed=1)),)
