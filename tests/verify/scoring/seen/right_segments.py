"""Held out, blind: right rules with ties, declared slopes, packed residuals, segments and lengths."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, right, rule

from .right_arrays import wide
from .signals import sparsemax

cases: list[Case] = []


@right(cases, "S5")
def sparsemax_by_sorting():
    """Centred over the support, which is saved as bits of truth."""

    def f(x):
        return sparsemax(wide(x)).astype(x.dtype)

    def fwd(x):
        y = sparsemax(wide(x))
        return y.astype(x.dtype), y > 0

    def bwd(support, y_bar):
        inside = support.astype(wide(y_bar).dtype)
        bar = inside * wide(y_bar)
        mean = jnp.sum(bar, axis=-1, keepdims=True) / jnp.sum(inside, axis=-1, keepdims=True)
        return ((bar - inside * mean).astype(y_bar.dtype),)

    return rule(f, fwd, bwd), (normal(4, 6),)


@right(cases, "S5")
def sum_of_three_largest():
    """Equal entries at the border share what is left of the three places."""

    def f(x):
        return jnp.sum(jax.lax.top_k(x, 3)[0], axis=-1)

    def bwd(x, y_bar):
        third = jax.lax.top_k(x, 3)[0][:, -1:]
        above, equal = x > third, x == third
        places = (3 - jnp.sum(above, axis=-1, keepdims=True)) / jnp.sum(equal, axis=-1, keepdims=True)
        share = jnp.where(equal, places, above.astype(places.dtype)).astype(x.dtype)
        return (y_bar[:, None] * share,)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6).round(),)


@right(cases, "S9")
def leaky_relu_signs_in_bits():
    """Saves a bit an entry, and neither x nor y."""

    def f(x):
        return jnp.where(x > 0, x, 0.1 * x)

    def bwd(bits, y_bar):
        positive = jnp.unpackbits(bits, count=y_bar.size).reshape(y_bar.shape) == 1
        return (jnp.where(positive, y_bar, 0.1 * y_bar),)

    return rule(f, lambda x: (f(x), jnp.packbits(x.reshape(-1) > 0)), bwd), (normal(3, 7),)


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


@right(cases, "S5")
def pinball_between_its_slopes():
    """max(q e, (q − 1) e), whose slope at zero is declared as q − 1/2."""

    def bwd(residuals, y_bar):
        error, q = residuals
        over = 0.5 * (1 + jnp.sign(error)).astype(error.dtype)
        return y_bar * (q - 1 + over), jnp.sum(y_bar * error).astype(q.dtype)

    def f(error, q):
        return jnp.maximum(q * error, (q - 1) * error)

    return rule(f, lambda error, q: (f(error, q), (error, q)), bwd), (normal(8).round(), jnp.float32(0.9))
