"""Surrogates that mean to have another value or to look at the whole batch, and some that go wrong all the same."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, right, rule, wrong
from tests.helpers.witness import nonlinear, other_value, raises

cases: list[Case] = []


@right(cases, "S0", other_value, surrogate=True)
def round_soft_in_training():
    """Hard where it is used, soft where it is trained."""
    return rule(lambda x: jnp.round(x), lambda x: (jnp.tanh(x), x), lambda x, g: (g / jnp.cosh(x) ** 2,)), (normal(6),)


@right(cases, "S7", nonlinear(), surrogate=True)
def cotangent_by_the_batchs_largest():
    """The largest cotangent of the whole batch scales each."""

    @jax.custom_batching.custom_vmap
    def scaled(g):
        return g / jnp.maximum(jnp.max(jnp.abs(g)), 1e-6).astype(g.dtype)

    scaled.def_vmap(lambda size, batched, g: (g / jnp.maximum(jnp.max(jnp.abs(g)), 1e-6).astype(g.dtype), True))
    return rule(lambda x: x * 1, lambda x: (x * 1, None), lambda _, g: (scaled(g),)), (normal(6),)


@wrong(cases, "the sign in NumPy: not under jit", "S7", raises(jax.jit), surrogate=True)
def sign_by_numpy():
    return rule(lambda x: x * 1, lambda x: (x * 1, x), lambda x, g: (jnp.asarray(np.sign(np.asarray(x))) * g,)), (
        normal(6),
    )


@wrong(cases, "one number for all", "S0", raises(), surrogate=True)
def sign_summed():
    return rule(lambda x: x * 1, lambda x: (x * 1, None), lambda _, g: (jnp.sign(g).sum(),)), (normal(6),)
