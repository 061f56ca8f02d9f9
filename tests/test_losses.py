"""Reductions and weights over the loss rules."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn import losses, rules
from tests.judge import assert_close

RNG = np.random.default_rng(0)
P, T = jnp.asarray(RNG.normal(size=(4, 3))), jnp.asarray(RNG.uniform(size=(4, 3)))
LABELS = jnp.array([0, 2, 1, 1])
EACH = [
    (losses.squared_error, rules.squared_error, (P, T)),
    (losses.softmax_cross_entropy, rules.softmax_cross_entropy, (P, LABELS)),
    (losses.softmax_cross_entropy, rules.softmax_cross_entropy, (P, T)),
    (losses.sigmoid_cross_entropy, rules.sigmoid_cross_entropy, (P, T)),
]


@pytest.mark.parametrize(("loss", "rule", "args"), EACH)
def test_reductions_and_weights(loss, rule, args):
    each = rule(*args)
    weight = jnp.array([0.0, 1.0, 2.0, 0.5])
    column = weight.reshape((4,) + (1,) * (each.ndim - 1))
    assert_close(loss(*args), each.mean(), 1e-15)
    assert_close(loss(*args, reduction="sum"), each.sum(), 1e-15)
    assert_close(loss(*args, reduction="none"), each, 0.0)
    assert_close(loss(*args, weight, reduction="sum"), (column * each).sum(), 1e-15)
    assert_close(loss(*args, weight), (column * each).sum() / (column * jnp.ones_like(each)).sum(), 1e-15)
    assert float(loss(*args, 0 * weight)) == 0.0
    assert float(jax.grad(lambda p: loss(p, *args[1:], 0 * weight))(args[0]).sum()) == 0.0


def test_the_summed_square_of_the_from_scratch_texts():
    gradient = jax.grad(lambda p: losses.squared_error(p, T, reduction="sum"))(P)
    assert_close(gradient, 2 * (P - T), 1e-15)


BAD = [
    (lambda: losses.squared_error(P, T, reduction="avg"), "reduction must be 'mean', 'sum' or 'none', got 'avg'"),
    (
        lambda: losses.squared_error(P, T, jnp.ones(3)),
        r"weight must have the leading axes of \[4, 3\], got shape \[3\]",
    ),
    (lambda: losses.softmax_cross_entropy(P, jnp.array([0, 3, 1, 1])), r"labels must be .* 0 to 2, got 3 at \[1\]"),
    (lambda: losses.softmax_cross_entropy(P, np.array([0, 2, -1, 1])), r"labels must be .* 0 to 2, got -1 at \[2\]"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_a_bad_call_says_what_was_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_label_outside_the_classes_is_nan_where_it_cannot_be_seen():
    assert jnp.isnan(jax.jit(losses.softmax_cross_entropy)(P, jnp.array([0, 3, 1, 1])))
