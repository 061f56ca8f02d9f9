"""Right rules of attention, pools, sorts and packed residuals."""

import math

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, of_rank, right, rule, wide

from .iterations import sparsemax

cases: list[Case] = []


@right(cases, "S9")
def attention_by_blocks():
    """Saves its inputs only, and makes the weights again for three queries at a time, the last block filled up."""

    def weights(q, k):
        return jax.nn.softmax(q @ k.T / math.sqrt(q.shape[-1]), axis=-1)

    def f(q, k, v):
        of_rank(2, q, k, v)
        return (weights(wide(q), wide(k)) @ wide(v)).astype(q.dtype)

    def bwd(residuals, y_bar):
        q, k, v = (wide(a) for a in residuals)
        n = q.shape[0]
        blocks = [jnp.pad(a, ((0, -n % 3), (0, 0))).reshape(-1, 3, a.shape[1]) for a in (q, wide(y_bar))]

        def step(sums, block):
            q, bar = block
            p, p_bar = weights(q, k), bar @ v.T
            s_bar = p * (p_bar - jnp.sum(p * p_bar, axis=-1, keepdims=True)) / math.sqrt(q.shape[-1])
            return (sums[0] + s_bar.T @ q, sums[1] + p.T @ bar), s_bar @ k

        (k_bar, v_bar), q_bars = jax.lax.scan(step, (jnp.zeros_like(k), jnp.zeros_like(v)), blocks)
        bars = q_bars.reshape(-1, q.shape[1])[:n], k_bar, v_bar
        return tuple(bar.astype(a.dtype) for bar, a in zip(bars, residuals, strict=True))

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 6), normal(5, 6, seed=1), normal(5, 2, seed=2))


@right(cases, "S5")
def max_pool_2d_places_in_bytes():
    """Windows of two by two; a byte a window says which entry was the first largest."""

    def windows(x):
        height, width = (n // 2 for n in x.shape)
        return x.reshape(height, 2, width, 2).transpose(0, 2, 1, 3).reshape(height, width, 4)

    def f(x):
        return jnp.max(windows(x), axis=-1)

    def fwd(x):
        return f(x), jnp.argmax(windows(x), axis=-1).astype(jnp.uint8)

    def bwd(places, y_bar):
        height, width = places.shape
        hit = places[:, :, None] == jnp.arange(4, dtype=jnp.uint8)[None, None, :]
        spread = jnp.where(hit, y_bar[:, :, None], 0).astype(y_bar.dtype).reshape(height, width, 2, 2)
        return (spread.transpose(0, 2, 1, 3).reshape(2 * height, 2 * width),)

    return rule(f, fwd, bwd), (jnp.maximum(normal(4, 6), 0.0),)


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
def median_of_any_length():
    """The two middle entries share the cotangent; they are one entry where the length is odd."""

    def f(x):
        return jnp.median(x)

    def bwd(x, y_bar):
        order = jnp.argsort(x)
        low, high = order[(len(x) - 1) // 2], order[len(x) // 2]
        return (jnp.zeros_like(x).at[low].add(0.5 * y_bar).at[high].add(0.5 * y_bar),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(8),)


@right(cases, "S0")
def max_and_its_place():
    """An integer output beside a float one: its cotangent arrives as float0 and is left alone."""

    def f(x):
        return jnp.max(x), jnp.argmax(x)

    def fwd(x):
        top, place = f(x)
        return (top, place), (x, place)

    def bwd(residuals, bars):
        x, place = residuals
        return (jnp.zeros_like(x).at[place].set(bars[0]),)

    return rule(f, fwd, bwd), (normal(6),)


@right(cases, "S3")
def masked_softmax_empty_row():
    """A row with nothing unmasked is zero, and so is its cotangent."""

    def f(x, mask):
        y = jax.nn.softmax(jnp.where(mask, x, -1e30).astype(x.dtype), axis=-1)
        return jnp.where(mask, y, 0.0).astype(x.dtype)

    def bwd(y, y_bar):
        return y * (y_bar - jnp.sum(y * y_bar, axis=-1, keepdims=True)), None

    mask = jnp.asarray([[True, True, False], [False, False, False]])
    return rule(f, lambda x, mask: (f(x, mask), f(x, mask)), bwd), (normal(2, 3), mask)


@right(cases, "S9")
def leaky_relu_packed_signs():
    """Saves one bit an entry."""

    def f(x):
        return jnp.where(x > 0, x, 0.125 * x)

    def bwd(bits, y_bar):
        positive = jnp.unpackbits(bits, count=y_bar.size).reshape(y_bar.shape).astype(bool)
        return (jnp.where(positive, y_bar, 0.125 * y_bar),)

    return rule(f, lambda x: (f(x), jnp.packbits((x > 0).reshape(-1))), bwd), (normal(3, 5),)


@right(cases, "S9")
def leaky_relu_signs_in_bits():
    """Saves a bit an entry, and neither x nor y."""

    def f(x):
        return jnp.where(x > 0, x, 0.1 * x)

    def bwd(bits, y_bar):
        positive = jnp.unpackbits(bits, count=y_bar.size).reshape(y_bar.shape) == 1
        return (jnp.where(positive, y_bar, 0.1 * y_bar),)

    return rule(f, lambda x: (f(x), jnp.packbits(x.reshape(-1) > 0)), bwd), (normal(3, 7),)
