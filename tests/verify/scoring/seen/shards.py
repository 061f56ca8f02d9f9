"""Rules that know their shard, and outputs that a whole batch shares: each counted where, and as often as, it should."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, need, normal, of_rank, right, rule, wrong
from tests.helpers.witness import gap, pullbacks, smooth

cases: list[Case] = []

AXIS, SHARDS = "shards", 3


def differs_from(reference):
    """The rule's cotangents part from those of a plain function."""
    return lambda f, *args: gap(*pullbacks([f, reference], smooth(args))) > 1e-3


def over_shards(f, axes):
    """A function of a shard as a function of all shards, stacked."""
    return jax.vmap(f, axes, axis_name=AXIS)


def first_of(size, last):
    """The first number that a shard of some size has: its own, or the last shard's."""
    shard = jnp.int32(SHARDS - 1) if last else jax.lax.axis_index(AXIS)
    return shard * size


def picked(last):
    """Minus the logit of each row's id, where each shard has a part of the classes."""

    def hot(logits, ids, last=False):
        classes = jnp.arange(logits.shape[1], dtype=jnp.int32)[None] + first_of(logits.shape[1], last)
        return (classes == ids.astype(jnp.int32)[:, None]).astype(logits.dtype)

    def f(logits, ids):
        return -jnp.sum(hot(logits, ids) * logits, axis=1)

    def bwd(residuals, y_bar):
        logits, ids = residuals
        return -hot(logits, ids, last) * y_bar[:, None], None

    part = over_shards(rule(f, lambda logits, ids: (f(logits, ids), (logits, ids)), bwd), (0, None))

    def whole(logits, ids):
        of_rank(3, logits)
        return jnp.sum(part(logits, ids), axis=0)

    return whole, (normal(SHARDS, 5, 4), jnp.asarray([0, 7, 10, 3, 8]))


def picked_plainly(logits, ids):
    return -jnp.take_along_axis(jnp.concatenate(list(logits), axis=1), ids[:, None], axis=1)[:, 0]


@wrong(cases, "the classes of the last shard, on every shard", "S2", differs_from(picked_plainly))
def picked_logit_of_last_shard():
    return picked(True)


@right(cases, "S2", truth=picked_plainly)
def picked_logit_of_any_shard():
    return picked(False)


def ramp(last):
    """x times its position in a sequence of which each shard has a part."""

    def f(x):
        return x * (first_of(len(x), False) + jnp.arange(len(x), dtype=jnp.int32) + 1).astype(x.dtype)

    def bwd(_, y_bar):
        return (y_bar * (first_of(len(y_bar), last) + jnp.arange(len(y_bar), dtype=jnp.int32) + 1).astype(y_bar.dtype),)

    part = over_shards(rule(f, lambda x: (f(x), None), bwd), 0)

    def whole(x):
        of_rank(2, x)
        return part(x)

    return whole, (normal(SHARDS, 4),)


def ramp_plainly(x):
    return x * (jnp.arange(x.size) + 1).astype(x.dtype).reshape(x.shape)


@wrong(cases, "the positions of the last shard, on every shard", "S2", differs_from(ramp_plainly))
def ramp_of_last_shard():
    return ramp(True)


@right(cases, "S2", truth=ramp_plainly)
def ramp_of_any_shard():
    return ramp(False)


def lookup(last):
    """Rows of a table of which each shard has a part; a row that is another's comes as zeros."""

    def local(table, ids, last=False):
        here = ids.astype(jnp.int32) - first_of(len(table), last)
        return jnp.where((here >= 0) & (here < len(table)), here, len(table))

    def f(table, ids):
        return table.at[local(table, ids)].get(mode="fill", fill_value=0)

    def bwd(residuals, y_bar):
        table, ids = residuals
        return jnp.zeros_like(table).at[local(table, ids, last)].add(y_bar, mode="drop"), None

    part = over_shards(rule(f, lambda table, ids: (f(table, ids), (table, ids)), bwd), (0, None))

    def whole(table, ids):
        of_rank(3, table)
        return jnp.sum(part(table, ids), axis=0)

    return whole, (normal(SHARDS, 4, 3), jnp.asarray([1, 6, 4, 9, 3]))


def lookup_plainly(table, ids):
    return jnp.concatenate(list(table))[ids]


@wrong(cases, "a table's cotangent scattered into the last shard's rows alone", "S2", differs_from(lookup_plainly))
def lookup_of_last_shard():
    return lookup(True)


@right(cases, "S2", truth=lookup_plainly)
def lookup_of_any_shard():
    return lookup(False)


def once_an_example(f, *args):
    """The rule beside its bare function."""
    return gap(*pullbacks([f, f.__wrapped__], smooth(args))) > 1e-3


def dense_and_penalty(shared):
    """x @ w for a batch, and w's penalty, which the batch shares; `shared` is how often its cotangent counts."""

    def f(x, w):
        of_rank(2, x, w)
        need(x.shape[1] == w.shape[0])
        return jnp.matmul(x, w, precision="highest"), jnp.sum(w * w)

    def bwd(residuals, bars):
        (x, w), (y_bar, penalty_bar) = residuals, bars
        each = jax.vmap(lambda x, bar: x[:, None] * bar[None] + 2 * w * penalty_bar * shared(len(y_bar)))
        return jnp.matmul(y_bar, w.T, precision="highest"), jnp.sum(each(x, y_bar), axis=0)

    return rule(f, lambda x, w: (f(x, w), (x, w)), bwd), (normal(4, 3), normal(3, 2, seed=1))


@wrong(cases, "the penalty, which a batch shares, counts once an example", "S2", once_an_example)
def penalty_once_an_example():
    return dense_and_penalty(lambda n: 1)


@right(cases, "S2")
def penalty_once_a_batch():
    return dense_and_penalty(lambda n: 1 / n)


def normed_weight(each):
    """Rows times w / |w|, and |w| itself."""

    def f(x, w):
        of_rank(2, x)
        of_rank(1, w)
        need(x.shape[1] == len(w))
        norm = jnp.sqrt(jnp.sum(w * w))
        return jnp.sum(x * (w / norm)[None], axis=1), norm

    def bwd(residuals, bars):
        (x, w), (y_bar, norm_bar) = residuals, bars
        norm = jnp.sqrt(jnp.sum(w * w))
        unit = w / norm
        along = jnp.sum(x * y_bar[:, None], axis=0)
        w_bar = (along - unit * jnp.sum(unit * along)) / norm
        return y_bar[:, None] * unit[None], w_bar + unit * norm_bar * (len(x) if each else 1)

    return rule(f, lambda x, w: (f(x, w), (x, w)), bwd), (normal(5, 3), normal(3, seed=1))


@wrong(cases, "the norm's cotangent, which all rows share, counts once a row", "S2", once_an_example)
def norm_bar_once_a_row():
    return normed_weight(True)


@right(cases, "S2")
def norm_bar_once():
    return normed_weight(False)


def routed(count):
    """Gates for each token, and the batch's mean gate of each expert, by which their loads are balanced."""

    def f(x):
        of_rank(2, x)
        need(len(x) > 0)
        gates = jax.nn.softmax(x, axis=-1)
        return gates, jnp.mean(gates, axis=0)

    def bwd(gates, bars):
        gates_bar, load_bar = bars
        bar = gates_bar + load_bar[None] * count(len(gates))
        return (gates * (bar - jnp.sum(gates * bar, axis=1, keepdims=True)),)

    def fwd(x):
        y = f(x)
        return y, y[0]

    return rule(f, fwd, bwd), (normal(4, 3),)


@wrong(cases, "the load's cotangent, which all tokens share, counts whole for each", "S2", once_an_example)
def load_bar_whole_for_each_token():
    return routed(lambda n: 1)


@right(cases, "S2")
def load_bar_shared_by_tokens():
    return routed(lambda n: 1 / n)
