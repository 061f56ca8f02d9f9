"""Right rules of segments, lengths and ids."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, of_rank, right, rule, wide

cases: list[Case] = []


@right(cases, "S3")
def segment_mean_empty_segment():
    """The mean of the rows of each of four segments; an empty one is zero."""

    def counts(ids, dtype):
        return jnp.maximum(jax.ops.segment_sum(jnp.ones(ids.shape, dtype), ids, num_segments=4), 1)

    def f(x, ids):
        of_rank(2, x)
        sums = jax.ops.segment_sum(wide(x), ids, num_segments=4)
        return (sums / counts(ids, sums.dtype)[:, None]).astype(x.dtype)

    def bwd(ids, y_bar):
        bar = wide(y_bar)
        shares = bar / counts(ids, bar.dtype)[:, None]
        inside = ((ids >= 0) & (ids < 4))[:, None]
        return jnp.where(inside, shares[ids], 0).astype(y_bar.dtype), None

    return rule(f, lambda x, ids: (f(x, ids), ids), bwd), (normal(6, 3), jnp.asarray([0, 3, 3, 0, 1, 3]))


@right(cases, "S3")
def segment_softmax():
    """A softmax over the entries of one id; ids come in any order, and some of the four not at all."""

    def total(x, ids):
        return jax.ops.segment_sum(x, ids, num_segments=4)[ids]

    def shares(x, ids):
        top = jax.ops.segment_max(jax.lax.stop_gradient(x), ids, num_segments=4)
        powers = jnp.exp(x - top[ids])
        return powers / total(powers, ids)

    def f(x, ids):
        return shares(wide(x), ids).astype(x.dtype)

    def fwd(x, ids):
        y = shares(wide(x), ids)
        return y.astype(x.dtype), (y, ids)

    def bwd(residuals, y_bar):
        (y, ids), bar = residuals, wide(y_bar)
        return (y * (bar - total(y * bar, ids))).astype(y_bar.dtype), None

    return rule(f, fwd, bwd), (normal(7), jnp.asarray([2, 0, 2, 3, 0, 2, 3]))


@right(cases, "S3")
def bag_mean_with_lengths():
    """The mean of the embeddings of the first few ids of each row; an empty row is zero."""

    def weights(ids, lengths, dtype):
        inside = jnp.arange(ids.shape[1])[None, :] < lengths[:, None]
        count = jnp.clip(lengths, 1, ids.shape[1])[:, None].astype(dtype)
        return jnp.where(inside, 1 / count, 0.0).astype(dtype)

    def f(table, ids, lengths):
        rows = wide(table)[ids]
        return jnp.einsum("btd,bt->bd", rows, weights(ids, lengths, rows.dtype)).astype(table.dtype)

    def bwd(residuals, y_bar):
        table, ids, lengths = residuals
        shares = wide(y_bar)[:, None, :] * weights(ids, lengths, wide(y_bar).dtype)[:, :, None]
        return jnp.zeros_like(wide(table)).at[ids].add(shares).astype(table.dtype), None, None

    return rule(f, lambda *args: (f(*args), args), bwd), (
        normal(6, 3),
        jnp.asarray([[4, 1, 4, 0], [2, 2, 2, 2], [5, 0, 1, 3]]),
        jnp.asarray([3, 0, 4]),
    )


@right(cases, "S3")
def gated_sum_with_lengths():
    """h ← a h + x [time, batch] until a sequence ends; then h stays, and nothing more flows."""

    def f(a, x, lengths):
        def step(h, at):
            t, a_t, x_t = at
            return jnp.where(t < lengths, a_t * h + x_t, h), h

        return jax.lax.scan(step, jnp.zeros_like(x[0]), (jnp.arange(len(x)), a, x))

    def fwd(a, x, lengths):
        last, before = f(a, x, lengths)
        return (last, before), (a, before, lengths)

    def bwd(residuals, bars):
        (a, before, lengths), (last_bar, before_bar) = residuals, bars

        def step(h_bar, at):
            t, a_t, h, bar = at
            on = t < lengths
            into = jnp.where(on, h_bar, 0.0).astype(h.dtype)
            return jnp.where(on, a_t * h_bar, h_bar) + bar, (into * h, into)

        times = jnp.arange(len(a))
        a_bar, x_bar = jax.lax.scan(step, last_bar, (times, a, before, before_bar), reverse=True)[1]
        return a_bar, x_bar, None

    return rule(f, fwd, bwd), (normal(5, 3), normal(5, 3, seed=1), jnp.asarray([5, 2, 0]))


@right(cases, "S3")
def mean_of_lengths():
    """[batch, time, features] to the mean of each sequence's first steps; an empty sequence is zero."""

    def share(x, lengths):
        of_rank(3, x)
        seen = jnp.arange(x.shape[1])[None, :] < lengths[:, None]
        count = jnp.clip(lengths, 1, x.shape[1])
        return seen[:, :, None].astype(x.dtype) / count[:, None, None].astype(x.dtype)

    def f(x, lengths):
        return jnp.sum(wide(x) * share(wide(x), lengths), axis=1).astype(x.dtype)

    def bwd(residuals, y_bar):
        x, lengths = residuals
        return (wide(y_bar)[:, None, :] * share(wide(x), lengths)).astype(x.dtype), None

    return rule(f, lambda x, n: (f(x, n), (x, n)), bwd), (normal(3, 4, 2), jnp.asarray([4, 0, 2]))


@right(cases, "S3")
def embedding_repeated_ids():
    def fwd(table, ids):
        return table[ids], (table, ids)

    def bwd(residuals, y_bar):
        table, ids = residuals
        return jnp.zeros_like(table).at[ids].add(y_bar), None

    return rule(lambda table, ids: table[ids], fwd, bwd), (normal(6, 3), jnp.asarray([4, 1, 4, 4, 0]))


@right(cases, "S0")
def gather_with_mask_and_ids():
    """Integers and booleans between the floats; None for both."""

    def f(ids, x, mask, scale):
        return jnp.where(mask, x[ids] * scale, 0.0).astype(x.dtype)

    def bwd(residuals, y_bar):
        ids, x, mask, scale = residuals
        kept = jnp.where(mask, y_bar, 0.0).astype(x.dtype)
        return None, jnp.zeros_like(x).at[ids].add(kept * scale), None, jnp.sum(kept * x[ids])

    return rule(f, lambda *args: (f(*args), args), bwd), (
        jnp.asarray([3, 0, 3]),
        normal(5),
        jnp.asarray([True, True, False]),
        jnp.float32(1.0),
    )
