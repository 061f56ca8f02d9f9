"""Wrong rules of running extremes and best paths."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, wrong
from tests.helpers.witness import differs

cases: list[Case] = []


@wrong(cases, "what is carried on from an earlier record is lost", "S2", differs())
def running_maximum_of_new_records_only():
    def f(x):
        return jax.lax.cummax(x)

    def fwd(x):
        y = f(x)
        return y, x == y

    return rule(f, fwd, lambda new, y_bar: (jnp.where(new, y_bar, 0).astype(y_bar.dtype),)), (normal(8),)


@wrong(
    cases, "full gradient to every entry that equals the minimum so far", "S5", differs(lambda x: (jnp.round(2 * x),))
)
def running_minimum_of_every_equal():
    def f(x):
        return jax.lax.cummin(x)

    def fwd(x):
        y = f(x)
        return y, (x, y)

    def bwd(kept, y_bar):
        x, y = kept
        meets = (x[None, :] == y[:, None]) & jnp.tri(len(x), dtype=bool)
        return (y_bar @ meets.astype(y_bar.dtype),)

    return rule(f, fwd, bwd), (normal(10),)


def flat(scores, moves):
    return jnp.zeros(scores.shape), jnp.zeros(moves.shape)


@wrong(cases, "of several best paths each gets the full gradient", "S5", differs(flat))
def best_path_each_of_a_tie():
    """The score of the best path through states [time, state]."""

    def forward(scores, moves):
        def step(best, score):
            ways = best[:, None] + moves
            top = jnp.max(ways, axis=0)
            return top + score, ways == top[None, :]

        last, taken = jax.lax.scan(step, scores[0], scores[1:])
        return jnp.max(last), (last == jnp.max(last), taken)

    def bwd(kept, bar):
        last, taken = kept

        def step(carry, took):
            later, total = carry
            share = took.astype(bar.dtype) * later[None, :]
            return (jnp.sum(share, axis=1), total + share), later

        end = bar * last.astype(bar.dtype)
        (first, pairs), rest = jax.lax.scan(step, (end, jnp.zeros(taken.shape[1:], bar.dtype)), taken, reverse=True)
        return jnp.concatenate([first[None], rest]), pairs

    return rule(lambda *args: forward(*args)[0], forward, bwd), (normal(6, 3), normal(3, 3, seed=1))
