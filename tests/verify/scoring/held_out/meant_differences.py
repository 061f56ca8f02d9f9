"""Surrogates: rules that are no derivative, and say so; among them some that are broken all the same."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, right, rule, wide, wrong
from tests.helpers.witness import differs_from_itself, gap, other_dtype, pullback, raises

cases: list[Case] = []


def coarse(x):
    return (jnp.round(4 * wide(x)) / 4).astype(x.dtype)


def trained_on_a_grid(f, x):
    """Differentiated, it rounds to quarters; its gradient passes through."""
    y, pull = jax.vjp(f, x)
    return bool((y == coarse(x)).all()) and bool((pull(y)[0] == y).all())


@right(cases, "S0", trained_on_a_grid, surrogate=True)
def rounded_in_training_only():
    """The identity when it infers; under differentiation the value is rounded, on purpose."""
    return rule(lambda x: x, lambda x: (coarse(x), None), lambda _, bar: (bar,)), (normal(4, 6),)


def scaled(bar, square):
    root = jnp.sqrt(square)
    return (wide(bar) / jnp.maximum(root, 1)).astype(bar.dtype)


@jax.custom_batching.custom_vmap
def to_unit_length(bar):
    return scaled(bar, jnp.sum(wide(bar) ** 2))


@to_unit_length.def_vmap
def _(size, batched, bar):
    """The whole batch has one length."""
    bar = bar if batched[0] else jnp.broadcast_to(bar[None], (size, *bar.shape))
    return scaled(bar, jnp.sum(wide(bar) ** 2)), True


def by_batch(f, x):
    """Under vmap the batch's cotangent has unit length, not each row's."""
    bar = pullback(jax.vmap(f), (x,), 5 * jnp.ones_like(x))[0]
    return gap([jnp.linalg.norm(bar)], [1.0]) < 1e-5


@right(cases, "S7", by_batch, surrogate=True)
def cotangent_clipped_over_the_batch():
    """The identity; the cotangent is brought to unit length, over a mapped batch together."""
    return rule(lambda x: x, lambda x: (x, None), lambda _, bar: (to_unit_length(bar),)), (normal(4, 6),)


def through(f, w):
    """The gradient is the cotangent where |w| ≤ 1, else zero."""
    return gap(pullback(f, (w,), jnp.ones_like(w)), [jnp.abs(w) <= 1]) == 0


@right(cases, "S2", through, surrogate=True)
def ternary_weights():
    def f(w):
        return jnp.where(jnp.abs(wide(w)) > 0.5, jnp.sign(wide(w)), 0).astype(w.dtype)

    return rule(f, lambda w: (f(w), w), lambda w, bar: (jnp.where(jnp.abs(w) <= 1, bar, 0),)), (normal(4, 6),)


@wrong(cases, "noise from the host in each run", "S11", differs_from_itself, surrogate=True)
def step_with_host_noise():
    rng = np.random.default_rng()

    def bwd(x, bar):
        noise = rng.normal(size=x.shape).astype(x.dtype)
        return (jnp.where(jnp.abs(x) < 1, bar, 0) + 0.1 * noise,)

    f = lambda x: (x > 0).astype(x.dtype)
    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6),)


@wrong(cases, "a float32 cotangent whatever the argument's dtype", "S0",
       lambda f, x: refused(f, x) or other_dtype(f, x.astype(jnp.bfloat16)), surrogate=True)  # fmt: skip
def spike_cotangent_always_float32():
    """A spike with a bell-shaped slope, in bfloat16."""

    def bwd(x, bar):
        return (wide(bar) / (1 + 10 * jnp.abs(wide(x))) ** 2,)

    f = lambda x: (x > 0).astype(x.dtype)
    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6, dtype=jnp.bfloat16),)


def refused(f, *args):
    """JAX refuses the backward pass."""
    try:
        pullback(f, args, compiled=False)
    except (TypeError, ValueError):
        return True
    return False


@wrong(cases, "asks a number that is not there under jit", "S7", raises(jax.jit), surrogate=True)
def sign_cotangent_clipped_if_large():
    def bwd(x, bar):
        if jnp.max(jnp.abs(bar)) > 1:
            bar = jnp.clip(bar, -1, 1)
        return (bar,)

    return rule(jnp.sign, lambda x: (jnp.sign(x), x), bwd), (normal(4, 6),)
