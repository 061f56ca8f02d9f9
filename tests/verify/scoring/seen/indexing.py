"""Held out, blind: wrong rules of segments, graphs, tables, caches and picked entries."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, ones, rule, wrong
from tests.helpers.witness import differs

cases: list[Case] = []


@wrong(cases, "assumes sorted ids, as the example's are", "S3", differs(lambda x, ids: (x, ids[::-1])))
def segment_mean_assumes_sorted():
    """The mean of the rows of each of three segments."""

    def counts(ids):
        return jax.ops.segment_sum(jnp.ones_like(ids), ids, num_segments=3)

    def f(x, ids):
        count = jnp.maximum(counts(ids), 1).astype(x.dtype)
        return jax.ops.segment_sum(x, ids, num_segments=3) / count[:, None]

    def bwd(ids, y_bar):
        share = y_bar / jnp.maximum(counts(ids), 1).astype(y_bar.dtype)[:, None]
        return jnp.repeat(share, counts(ids), axis=0, total_repeat_length=len(ids)), None

    return rule(f, lambda x, ids: (f(x, ids), ids), bwd), (normal(6, 2), jnp.asarray([0, 0, 0, 1, 2, 2]))


@wrong(cases, "assumes an undirected graph, as the example is", "S3", differs())
def graph_sum_assumes_undirected():
    """Every node adds up what its neighbours send, edge by edge weighted."""

    def f(x, weight, senders, receivers):
        return jax.ops.segment_sum(weight[:, None] * x[senders], receivers, num_segments=len(x))

    def bwd(residuals, y_bar):
        x, weight, senders, receivers = residuals
        weight_bar = jnp.sum(y_bar[receivers] * x[senders], axis=-1)
        return f(y_bar, weight, senders, receivers), weight_bar, None, None

    ends = jnp.asarray([0, 1, 1, 2, 2, 3]), jnp.asarray([1, 0, 2, 1, 3, 2])
    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 3), ones(6), *ends)


@wrong(cases, "the row of padding gets a gradient", "S3", differs(lambda t, ids: (t, ids.at[0, 1].set(0))))
def embedding_padding_row_learns():
    """Id 0 stands for padding and is embedded as zeros; no id of the example is 0."""

    def f(table, ids):
        return jnp.where((ids == 0)[..., None], 0.0, table[ids]).astype(table.dtype)

    def bwd(residuals, y_bar):
        table, ids = residuals
        return jnp.zeros_like(table).at[ids].add(y_bar), None

    return rule(f, lambda table, ids: (f(table, ids), (table, ids)), bwd), (
        normal(7, 3),
        jnp.asarray([[4, 1, 3], [2, 4, 6]]),
    )


@wrong(cases, "what was overwritten still gets a gradient", "S2", differs())
def cache_write_keeps_overwritten():
    """A new row written into a cache of rows at a position."""

    def f(cache, row, position):
        return jax.lax.dynamic_update_slice_in_dim(cache, row[None], position, axis=0)

    def bwd(position, cache_bar):
        return cache_bar, cache_bar[position], None

    return rule(f, lambda c, r, i: (f(c, r, i), i), bwd), (normal(6, 3), normal(3, seed=1), jnp.asarray(2))


@wrong(
    cases,
    "of two values for one place both get a gradient",
    "S3",
    differs(lambda x, ids, v: (x, jnp.asarray([1, 4, 1]), v)),
)
def scatter_set_repeated():
    def f(x, ids, values):
        return x.at[ids].set(values)

    return rule(
        f,
        lambda x, ids, values: (f(x, ids, values), ids),
        lambda ids, y_bar: (y_bar.at[ids].set(0.0), None, y_bar[ids]),
    ), (normal(6), jnp.asarray([1, 4, 3]), normal(3, seed=1))


@wrong(cases, "places saved as int8: they wrap from the 129th on", "S10", differs(lambda x: (normal(4, 300),)))
def margin_places_in_int8():
    """How far the largest entry of a row is ahead of the second."""

    def f(x):
        top, _ = jax.lax.top_k(x, 2)
        return top[:, 0] - top[:, 1]

    def fwd(x):
        top, places = jax.lax.top_k(x, 2)
        return top[:, 0] - top[:, 1], (x, places.astype(jnp.int8))

    def bwd(residuals, y_bar):
        x, places = residuals
        rows = jnp.arange(len(x))
        x_bar = jnp.zeros_like(x).at[rows, places[:, 0].astype(jnp.int32)].add(y_bar)
        return (x_bar.at[rows, places[:, 1].astype(jnp.int32)].add(-y_bar),)

    return rule(f, fwd, bwd), (normal(4, 10),)


@wrong(cases, "only the picked expert's logit gets a gradient", "S2", differs())
def switch_gate_without_others():
    """The output of the likeliest expert times its probability."""

    def gate_of(logits):
        p = jax.nn.softmax(logits, axis=-1)
        hot = jax.nn.one_hot(jnp.argmax(logits, axis=-1), logits.shape[-1], dtype=logits.dtype)
        return jnp.sum(p * hot, axis=-1), hot

    def f(logits, experts):
        gate, hot = gate_of(logits)
        return gate[:, None] * jnp.einsum("be,bed->bd", hot, experts)

    def bwd(residuals, y_bar):
        logits, experts = residuals
        gate, hot = gate_of(logits)
        gate_bar = jnp.einsum("bd,be,bed->b", y_bar, hot, experts)
        return (gate * (1 - gate) * gate_bar)[:, None] * hot, jnp.einsum("be,bd->bed", gate[:, None] * hot, y_bar)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 3), normal(4, 3, 5, seed=1))
