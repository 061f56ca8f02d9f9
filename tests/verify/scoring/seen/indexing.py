"""Wrong rules of functions that move, pick, order or scatter entries."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, ones, rule, wrong
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


@wrong(cases, "a start clamped at the border in the forward pass only", "S3", differs(lambda x, i: (x, jnp.asarray(7))))
def slice_clamped_forward_only():
    def f(x, start):
        return jax.lax.dynamic_slice(x, (start,), (3,))

    def bwd(residuals, y_bar):
        x, start = residuals
        return jnp.zeros_like(x).at[start + jnp.arange(3)].add(y_bar), None

    return rule(f, lambda x, start: (f(x, start), (x, start)), bwd), (normal(8), jnp.asarray(2))


@wrong(cases, "negative ids are dropped", "S3", differs(lambda x, ids: (x, -ids)))
def gather_drops_negative_ids():
    def bwd(residuals, y_bar):
        x, ids = residuals
        return jax.ops.segment_sum(y_bar, ids, num_segments=len(x)), None

    return rule(lambda x, ids: x[ids], lambda x, ids: (x[ids], (x, ids)), bwd), (normal(6), jnp.asarray([1, 4, 2, 4]))


@wrong(cases, "the branch not taken gets the gradient too", "S2", differs())
def where_both_branches():
    def f(mask, x, y):
        return jnp.where(mask, x, y)

    def bwd(mask, z_bar):
        return None, jnp.where(mask, z_bar, 0.0).astype(z_bar.dtype), z_bar

    return rule(f, lambda mask, x, y: (f(mask, x, y), mask), bwd), (
        jnp.asarray([True, False, True, True, False]),
        normal(5),
        normal(5, seed=1),
    )


@wrong(cases, "axes permuted by the permutation instead of its inverse", "S2", differs())
def rotate_axes_forwards():
    def f(x):
        return jnp.transpose(x, (1, 2, 0))

    return rule(f, lambda x: (f(x), None), lambda _, y_bar: (f(y_bar),)), (normal(3, 3, 3),)
