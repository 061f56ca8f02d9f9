"""Wrong rules of places, segments, masks and experts."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, wide, wrong
from tests.helpers.witness import differs, doubled, gap, pullback

cases: list[Case] = []


@wrong(cases, "centred by the sum over all segments", "S2", differs())
def segment_softmax_centred_over_all():
    ids = jnp.asarray([0, 0, 1, 2, 1, 0, 2, 1])

    def f(x, ids):
        top = jax.lax.stop_gradient(jax.ops.segment_max(x, ids, 3))
        e = jnp.exp(x - top[ids])
        return e / jax.ops.segment_sum(e, ids, 3)[ids]

    def fwd(x, ids):
        p = f(x, ids)
        return p, p

    return rule(f, fwd, lambda p, bar: (p * (bar - jnp.sum(p * bar)), None)), (normal(8), ids)


@wrong(cases, "cotangents go to the first three places", "S2", differs())
def three_largest_back_to_the_front():
    def f(x):
        return jax.lax.top_k(x, 3)[0]

    def fwd(x):
        return f(x), jnp.zeros_like(x)

    return rule(f, fwd, lambda none, bar: (none.at[..., :3].set(bar),)), (normal(4, 7),)


def one_beyond(table, rows, ids):
    return *doubled((table, rows)), jnp.asarray([1, 0, 9, 3])


@wrong(cases, "rows dropped in the forward pass get the last row's gradient", "S3", differs(one_beyond))
def scatter_add_dropped_rows_learn():
    """Adds rows into a table; an id beyond its end drops the row, which is how padding is marked."""

    def f(table, rows, ids):
        return table.at[ids].add(rows, mode="drop")

    def bwd(ids, bar):
        return bar, bar.at[ids].get(mode="clip"), None

    return rule(f, lambda table, rows, ids: (f(table, rows, ids), ids), bwd), (
        normal(5, 2),
        normal(4, 2, seed=1),
        jnp.asarray([1, 0, 1, 3]),
    )


@wrong(cases, "an off-diagonal entry of a symmetric matrix counted once", "S2", differs())
def packed_symmetric_off_diagonal_once():
    """The symmetric 4 × 4 matrix of ten packed numbers."""

    def f(packed):
        i, j = jnp.tril_indices(4)
        return jnp.zeros((4, 4), packed.dtype).at[i, j].set(packed).at[j, i].set(packed)

    return rule(f, lambda packed: (f(packed), None), lambda _, bar: (bar[jnp.tril_indices(4)],)), (normal(10),)


def crowded(tokens, gate, expert):
    return *doubled((tokens, gate)), jnp.zeros_like(expert)


@wrong(cases, "tokens over an expert's capacity still get a gradient", "S3", differs(crowded))
def expert_capacity_forward_only():
    """Gated tokens; each of four experts takes the first three that come to it, the others become zero."""

    def kept(expert):
        chosen = jax.nn.one_hot(expert, 4, dtype=jnp.int32)
        return jnp.sum(jnp.cumsum(chosen, axis=0) * chosen, axis=-1) <= 3

    def f(tokens, gate, expert):
        return jnp.where(kept(expert)[:, None], gate[:, None] * tokens, 0).astype(tokens.dtype)

    def bwd(saved, bar):
        tokens, gate = saved
        return gate[:, None] * bar, jnp.sum(tokens * bar, axis=-1), None

    return rule(f, lambda tokens, gate, expert: (f(tokens, gate, expert), (tokens, gate)), bwd), (
        normal(8, 3),
        normal(8, seed=1),
        jnp.asarray([0, 1, 2, 3, 1, 0, 3, 2]),
    )


def uneven(x, ids):
    return x.astype(jnp.float64), jnp.asarray([0, 0, 0, 0, 1, 2, 2, 2])


@wrong(cases, "all segments taken as equally long, as the example's are", "S3", differs(uneven))
def segment_mean_of_equal_segments():
    def f(x, ids):
        count = jax.ops.segment_sum(jnp.ones_like(x[:, 0]), ids, 4)
        return jax.ops.segment_sum(x, ids, 4) / jnp.maximum(count, 1)[:, None]

    def bwd(ids, bar):
        return bar[ids] / (len(ids) // 4), None

    return rule(f, lambda x, ids: (f(x, ids), ids), bwd), (normal(8, 3), jnp.asarray([0, 0, 1, 1, 2, 2, 3, 3]))


def long_in_bf16(f, x, ids):
    """With two thousand rows the bf16 cotangent is not a rounding of the float32 one."""
    x, ids = normal(2000, 1, seed=3, dtype=jnp.bfloat16), jnp.arange(2000) % 2
    return gap(pullback(f, (x, ids)), pullback(f.__wrapped__, (x, ids))) > 0.5


@wrong(cases, "members counted in bf16, which stalls at 256", "S10", long_in_bf16)
def cluster_mean_counts_stall():
    """Means of two clusters."""

    def f(x, ids):
        count = jax.ops.segment_sum(jnp.ones_like(wide(x)[:, 0]), ids, 2)
        return (jax.ops.segment_sum(wide(x), ids, 2) / jnp.maximum(count, 1)[:, None]).astype(x.dtype)

    def bwd(ids, bar):
        count = jax.ops.segment_sum(jnp.ones(ids.shape, bar.dtype), ids, 2)
        return (bar / jnp.maximum(count, 1)[:, None])[ids], None

    return rule(f, lambda x, ids: (f(x, ids), ids), bwd), (normal(12, 3, dtype=jnp.bfloat16), jnp.arange(12) % 2)


@wrong(cases, "the fill value's cotangent summed over the kept places too", "S2", differs())
def fill_value_bar_of_all_places():
    def f(x, fill, mask):
        return jnp.where(mask, fill, x)

    def bwd(mask, bar):
        return jnp.where(mask, 0, bar).astype(bar.dtype), jnp.sum(bar), None

    return rule(f, lambda x, fill, mask: (f(x, fill, mask), mask), bwd), (
        normal(4, 6),
        jnp.float32(-2.0),
        normal(4, 6, seed=1) > 0.3,
    )
