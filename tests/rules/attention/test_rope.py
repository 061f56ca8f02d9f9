"""Rotary positions: angles that are exact at any position, frequencies as others have them, and a rotation back."""

import math

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from funcnn import rules
from funcnn.rules.attention._frequencies import frequencies
from funcnn.rules.attention._rope import cos_sin


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64"])
def test_an_angle_is_exact_at_every_position(dtype):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    rng = np.random.default_rng(0)
    positions = np.unique([0, 1, 2**24 + 1, 2**31 - 1, *rng.integers(0, 2**31, 20), *rng.integers(2**12, size=20)])
    positions = np.concatenate([positions, -positions if low else positions + 2**31]).clip(low, high).astype(dtype)
    omega, _ = frequencies(8, 10_000.0, None)
    cos, sin = cos_sin(jnp.asarray(positions), omega, jnp.float32)
    with mpmath.workdps(40):
        angles = [[mpmath.mpf(int(p)) * mpmath.mpf(w) for w in omega] for p in positions]
        exact = [np.array([[float(f(a)) for a in row] for row in angles]) for f in (mpmath.cos, mpmath.sin)]
    for got, expected in zip((cos, sin), exact, strict=True):
        assert np.abs(np.asarray(got, np.float64) - expected).max() < 2.0**-23


@pytest.mark.slow
def test_products_depend_on_the_distance_alone():
    q, k = jax.random.normal(jax.random.key(0), (2, 1, 4, 1, 64), jnp.float32)
    product = lambda p: (rules.rope(q, p) * rules.rope(k, p + 7)).sum(-1)
    np.testing.assert_allclose(product(jnp.arange(4)), product(jnp.arange(4) + 2**30), atol=1e-5)


def test_the_backward_pass_turns_back():
    x, positions = jax.random.normal(jax.random.key(0), (2, 3, 1, 4)), jnp.array([5, 70, 900])
    y, pull = jax.vjp(lambda x: rules.rope(x, positions, interleaved=True), x)
    np.testing.assert_allclose(pull(y)[0], x, rtol=1e-12)


def test_frequencies_are_those_of_the_papers():
    r, base, factor = 8, 10_000.0, 4.0
    plain = np.array([base ** (-2 * i / r) for i in range(4)])
    of = lambda kind, **more: frequencies(r, base, {"rope_type": kind, "factor": factor, **more})
    np.testing.assert_allclose(of("linear")[0], plain / factor)
    ntk = of("ntk")[0]  # the fastest stays, the slowest is interpolated
    np.testing.assert_allclose([ntk[0], ntk[-1]], [plain[0], plain[-1] / factor])
    yarn, magnitude = of("yarn", original_max_position_embeddings=4096)
    np.testing.assert_allclose([yarn[0], yarn[-1]], [plain[0], plain[-1] / factor])
    assert magnitude == pytest.approx(0.1 * math.log(factor) + 1)
    llama = of("llama3", original_max_position_embeddings=64, low_freq_factor=1.0, high_freq_factor=4.0)[0]
    smooth = (64 * plain[1] / (2 * math.pi) - 1) / 3
    np.testing.assert_allclose(llama[0], plain[0])
    np.testing.assert_allclose(llama[1], plain[1] * (max(smooth, 0) * (1 - 1 / factor) + 1 / factor))
    np.testing.assert_allclose(llama[2:], plain[2:] / factor)
