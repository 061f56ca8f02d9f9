"""What a surrogate is meant to do is a note, and what it is not meant to do still fails."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn.verify import check
from tests.helpers.case import rule

pytestmark = pytest.mark.slow

X = jnp.asarray(np.random.default_rng(0).normal(size=4), jnp.float32)


@jax.custom_batching.custom_vmap
def by_the_largest(g):
    return g / jnp.max(jnp.abs(g))


@by_the_largest.def_vmap
def _(size, batched, g):
    return g / jnp.max(jnp.abs(g)), True


soft_in_training = rule(lambda x: jnp.round(x), lambda x: (jnp.tanh(x), x), lambda x, g: (g / jnp.cosh(x) ** 2,))
scaled_by_batch = rule(lambda x: x * 1, lambda x: (x * 1, None), lambda _, g: (by_the_largest(g),))
of_another_shape = rule(lambda x: x * 1, lambda x: (x * 1, None), lambda _, g: (jnp.sign(g).sum(),))


def refuses_jit(x, g):
    return (jnp.asarray(np.sign(np.asarray(x))) * g,)


@pytest.mark.parametrize(("rule", "stage"), [(soft_in_training, "S0"), (scaled_by_batch, "S7")])
def test_a_meant_difference_is_a_note_for_a_surrogate_and_a_failure_otherwise(rule, stage):
    found = check(rule, X, surrogate=True, level="fast")
    assert found.status == "pass", str(found)
    assert {f.status for f in found.findings if f.stage == stage} == {"note"}
    assert "fail" in {f.status for f in check(rule, X, level="fast").findings if f.stage == stage}


@pytest.mark.parametrize("rule", [of_another_shape, rule(lambda x: x * 1, lambda x: (x * 1, x), refuses_jit)])
def test_a_surrogate_of_another_shape_or_without_jit_still_fails(rule):
    assert check(rule, X, surrogate=True, level="fast").status == "fail"
