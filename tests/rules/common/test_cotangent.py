"""Undoing a broadcast is the transpose of broadcasting, as autodiff has it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn.rules import unbroadcast
from tests.helpers.judge import assert_close

SHAPES = [
    ((), ()), ((), (3,)), ((), (2, 3)), ((3,), (3,)), ((1,), (3,)), ((3,), (2, 3)), ((1, 3), (2, 3)), ((2, 1), (2, 3)),
    ((1, 1), (2, 3)), ((1,), (2, 3)), ((5, 1, 3), (5, 2, 3)), ((1, 3), (4, 2, 3)), ((2, 1), (4, 2, 3)), ((1,), (1,)),
    ((1,), (0,)), ((3,), (0, 3)), ((0,), (2, 0)), ((1, 1, 1), (2, 1, 3)),
]  # fmt: skip


@pytest.mark.parametrize(("small", "large"), SHAPES)
def test_unbroadcast_is_the_transpose_of_broadcast(small, large):
    x, x_bar = jnp.ones(small), jnp.asarray(np.random.default_rng(0).normal(size=large))
    (expected,) = jax.vjp(lambda x: jnp.broadcast_to(x, large), x)[1](x_bar)
    assert_close(unbroadcast(x_bar, x), expected, 1e-15)


def test_half_precision_is_summed_in_single_and_rounded_once():
    x_bar = jnp.ones((4096, 2), jnp.bfloat16)
    assert_close(unbroadcast(x_bar, jnp.zeros(2, jnp.bfloat16)), jnp.full(2, 4096, jnp.bfloat16), 0.0)
    assert unbroadcast(jnp.ones((3, 2), jnp.float32), jnp.zeros(2, jnp.bfloat16)).dtype == jnp.bfloat16


def test_the_columns_of_a_matrix_are_centred_by_broadcasting():
    """The example of the from-scratch texts: x - mean(x), a 3 × 2 matrix less its row of means."""
    x = jnp.array([[1.0, 10.0], [2.0, 20.0], [6.0, 60.0]])
    centred = x - x.mean(axis=0, keepdims=True)
    assert_close(centred, jnp.array([[-2.0, -20.0], [-1.0, -10.0], [3.0, 30.0]]), 1e-15)

    y_bar = jnp.asarray(np.random.default_rng(0).normal(size=(3, 2)))
    by_hand = y_bar + unbroadcast(-y_bar, x[:1]) / 3  # the row of means has been broadcast along the rows
    (expected,) = jax.vjp(lambda x: x - x.mean(axis=0, keepdims=True), x)[1](y_bar)
    assert_close(by_hand, expected, 1e-15)
