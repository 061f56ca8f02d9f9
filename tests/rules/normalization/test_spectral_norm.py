"""What power iteration promises beyond its rule."""

import jax.numpy as jnp
import numpy as np
import pytest

from funcnn import rules
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
W, U = jnp.asarray(RNG.normal(size=(2, 3, 5))), jnp.asarray(RNG.normal(size=5))


@pytest.mark.slow
def test_a_result_comes_again_from_its_own_vector():
    y, u = rules.spectral_norm(W, U, 3)
    assert_close(rules.spectral_norm(W, u, 0), (y, u), 1e-15)


def test_the_estimate_rises_to_the_largest_singular_value():
    largest = [float(jnp.linalg.norm(rules.spectral_norm(W, U, k)[0].reshape(6, 5), 2)) for k in (0, 1, 5, 200)]
    assert largest == sorted(largest, reverse=True)
    assert largest[-1] == pytest.approx(1.0, rel=1e-12)
