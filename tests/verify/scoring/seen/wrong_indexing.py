"""Wrong rules of functions that move, pick, order or add up entries."""

import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, wrong
from tests.helpers.witness import differs

cases: list[Case] = []


@wrong(cases, "`.set` for `.add` where ids repeat", "S3", differs(lambda t, ids: (t, jnp.asarray([1, 4, 1, 0]))))
def embedding_set():
    def fwd(table, ids):
        return table[ids], (table, ids)

    def bwd(residuals, y_bar):
        table, ids = residuals
        return jnp.zeros_like(table).at[ids].set(y_bar), None

    return rule(lambda table, ids: table[ids], fwd, bwd), (normal(8, 3), jnp.asarray([5, 1, 7, 2]))


@wrong(cases, "permutation in place of its inverse", "S2", differs())
def sort_gathers_instead_of_scatters():
    def f(x):
        return jnp.sort(x)

    def fwd(x):
        order = jnp.argsort(x)
        return x[order], order

    return rule(f, fwd, lambda order, y_bar: (y_bar[order],)), (normal(7),)


@wrong(cases, "rolled the wrong way", "S2", differs())
def roll_same_way():
    def f(x):
        return jnp.roll(x, 2, axis=0)

    return rule(f, lambda x: (f(x), None), lambda _, y_bar: (f(y_bar),)), (normal(7, 2),)


@wrong(cases, "not reversed", "S2", differs())
def cumsum_forwards():
    def f(x):
        return jnp.cumsum(x)

    return rule(f, lambda x: (f(x), None), lambda _, y_bar: (f(y_bar),)), (normal(7),)


@wrong(cases, "full gradient to both sides of a tie", "S5", differs(lambda x, y: (y, y), tolerance=0.6))
def maximum_both_at_tie():
    def bwd(residuals, z_bar):
        x, y = residuals
        return z_bar * (x >= y).astype(x.dtype), z_bar * (y >= x).astype(y.dtype)

    return rule(jnp.maximum, lambda x, y: (jnp.maximum(x, y), (x, y)), bwd), (normal(4, 6), normal(4, 6, seed=1))


@wrong(cases, "full gradient to every entry of a tie", "S5", differs(lambda x: (jnp.ones((2, 3)),)))
def max_every_tie():
    def f(x):
        return jnp.max(x, axis=-1)

    def bwd(x, y_bar):
        return ((x == f(x)[:, None]).astype(x.dtype) * y_bar[:, None],)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6),)
