"""Right rules of attention, experts, convolutions, pools, samples and crops."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, like, need, normal, of_rank, right, rule, uniform, wide

cases: list[Case] = []


@right(cases, "S9")
def attention_streams_over_keys():
    """Four keys at a time with a running maximum and a running total; the weights are made again from their log."""

    def blocks(k, v):
        n = len(k)
        valid = jnp.arange(n + -n % 4).reshape(-1, 4) < n
        return *(jnp.pad(a, ((0, -n % 4), (0, 0))).reshape(-1, 4, a.shape[1]) for a in (k, v)), valid

    def scores(q, k, valid):
        return jnp.where(valid[None, :], q @ k.T / math.sqrt(q.shape[1]), -jnp.inf)

    def stream(q, k, v):
        def step(carry, block):
            top, total, y = carry
            k, v, valid = block
            s = scores(q, k, valid)
            higher = jnp.maximum(top, jnp.max(s, axis=1))
            old, p = jnp.exp(top - higher), jnp.exp(s - higher[:, None])
            return (higher, old * total + jnp.sum(p, axis=1), old[:, None] * y + p @ v), None

        start = (
            jnp.full(len(q), -jnp.inf, q.dtype),
            jnp.zeros(len(q), q.dtype),
            jnp.zeros((len(q), v.shape[1]), q.dtype),
        )
        (top, total, y), _ = jax.lax.scan(step, start, blocks(k, v))
        return y / total[:, None], top + jnp.log(total)

    def fwd(q, k, v):
        of_rank(2, q, k, v)
        need(len(k) == len(v) > 0 and q.shape[1] == k.shape[1] > 0 < v.shape[1])
        y, log_total = stream(wide(q), wide(k), wide(v))
        return y.astype(q.dtype), (q, k, v, y, log_total)

    def bwd(residuals, y_bar):
        *args, y, log_total = residuals
        (q, k, v), bar = map(wide, args), wide(y_bar)
        mean = jnp.sum(bar * y, axis=1)

        def step(q_bar, block):
            k, v, valid = block
            p = jnp.exp(scores(q, k, valid) - log_total[:, None])
            s_bar = p * (bar @ v.T - mean[:, None]) / math.sqrt(q.shape[1])
            return q_bar + s_bar @ k, (s_bar.T @ q, p.T @ bar)

        q_bar, rest = jax.lax.scan(step, jnp.zeros_like(q), blocks(k, v))
        return like((q_bar, *(a.reshape(-1, a.shape[2])[: len(k)] for a in rest)), args)

    return rule(lambda *args: fwd(*args)[0], fwd, bwd), (normal(5, 3), normal(6, 3, seed=1), normal(6, 2, seed=2))


@right(cases, "S3")
def expert_scales_with_capacity():
    """Each expert takes its first two tokens; others, and those of an expert that is not there, come out as zeros."""

    def parts(x, gate, scale, expert):
        of_rank(2, x, scale)
        need(x.shape[:1] == gate.shape == expert.shape and x.shape[1] == scale.shape[1])
        chosen = jax.nn.one_hot(expert, len(scale), dtype=jnp.int32)
        place = jnp.cumsum(chosen, axis=0) * chosen
        taken = ((place >= 1) & (place <= 2)).astype(wide(x).dtype)
        return taken, taken @ wide(scale)

    def f(x, gate, scale, expert):
        return (wide(x) * wide(gate)[:, None] * parts(x, gate, scale, expert)[1]).astype(x.dtype)

    def bwd(residuals, y_bar):
        taken, factor = parts(*residuals)
        (x, gate, _), bar = map(wide, residuals[:3]), wide(y_bar)
        gated = bar * gate[:, None]
        return *like((gated * factor, jnp.sum(bar * x * factor, axis=1), taken.T @ (gated * x)), residuals[:3]), None

    args = normal(6, 4), uniform(6, seed=1), normal(3, 4, seed=2), jnp.asarray([0, 2, 0, 1, 0, 2])
    return rule(f, lambda *args: (f(*args), args), bwd), args


@right(cases, "S9")
def dilated_causal_depthwise():
    """Each channel sees its own past, two steps apart, with zeros before the start."""

    def late(a, steps):
        return jnp.pad(a, ((steps, 0), (0, 0)))[: len(a)]

    def early(a, steps):
        return jnp.pad(a, ((0, steps), (0, 0)))[steps:]

    def f(x, w):
        of_rank(2, x, w)
        need(x.shape[1] == w.shape[1] and len(w) > 0)
        return sum(wide(w)[j][None, :] * late(wide(x), 2 * j) for j in range(len(w))).astype(x.dtype)

    def bwd(args, y_bar):
        (x, w), bar = map(wide, args), wide(y_bar)
        x_bar = sum(w[j][None, :] * early(bar, 2 * j) for j in range(len(w)))
        return like((x_bar, jnp.stack([jnp.sum(bar * late(x, 2 * j), axis=0) for j in range(len(w))])), args)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(7, 3), normal(3, 3, seed=1))


@right(cases, "S9")
def transposed_convolution():
    """Each input is spread over a kernel's length, two steps after the one before."""

    def f(x, w):
        of_rank(2, x)
        of_rank(3, w)
        need(x.shape[1] == w.shape[1] and len(x) > 0 and len(w) > 0)
        x, w, dtype = wide(x), wide(w), x.dtype
        y = jnp.zeros((2 * len(x) - 2 + len(w), w.shape[2]), x.dtype)
        for j in range(len(w)):
            y = y.at[j : j + 2 * len(x) - 1 : 2].add(x @ w[j])
        return y.astype(dtype)

    def bwd(args, y_bar):
        (x, w), bar = map(wide, args), wide(y_bar)
        taps = jnp.stack([bar[j : j + 2 * len(x) - 1 : 2] for j in range(len(w))])
        return like((jnp.einsum("kno,kio->ni", taps, w), jnp.einsum("ni,kno->kio", x, taps)), args)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(5, 2), normal(3, 2, 4, seed=1))


@right(cases, "S9")
def average_pool_of_what_is_there():
    """Windows of three, two steps apart, cut off at both ends; of the input an empty array keeps the length."""

    def matrix(n, dtype):
        near = np.abs(2 * np.arange((n + 1) // 2)[:, None] - np.arange(n)[None, :]) <= 1
        return jnp.asarray(near / near.sum(axis=1, keepdims=True), dtype)

    def f(x):
        of_rank(2, x)
        return (matrix(len(x), wide(x).dtype) @ wide(x)).astype(x.dtype)

    def bwd(empty, y_bar):
        bar = wide(y_bar)
        return ((matrix(len(empty), bar.dtype).T @ bar).astype(y_bar.dtype),)

    return rule(f, lambda x: (f(x), x[:, :0]), bwd), (normal(7, 3),)


@right(cases, "S5")
def sample_with_zeros_outside():
    """Bilinear samples of a picture at places [row, column]; beyond its border it fades to zero."""

    def taps(image, at):
        of_rank(2, image, at)
        need(at.shape[1] == 2 and image.size > 0)
        base = jnp.floor(at)
        part = at - base
        for steps in ((0, 0), (0, 1), (1, 0), (1, 1)):
            row, column = (
                jnp.clip(base[:, a], -2, image.shape[a] + 1).astype(jnp.int32) + step for a, step in enumerate(steps)
            )
            inside = (row >= 0) & (row < image.shape[0]) & (column >= 0) & (column < image.shape[1])
            places = jnp.where(inside, row, 0), jnp.where(inside, column, 0)
            weights = [part[:, a] if step else 1 - part[:, a] for a, step in enumerate(steps)]
            signs = [1 if step else -1 for step in steps]
            yield places, inside.astype(at.dtype), weights, signs

    def f(image, at):
        z = wide(image)
        found = [inside * dy * dx * z[places] for places, inside, (dy, dx), _ in taps(z, wide(at))]
        return sum(found).astype(image.dtype)

    def bwd(args, y_bar):
        (image, at), bar = map(wide, args), wide(y_bar)
        image_bar, at_bar = jnp.zeros_like(image), jnp.zeros_like(at)
        for places, inside, (dy, dx), (below, after) in taps(image, at):
            image_bar = image_bar.at[places].add(bar * inside * dy * dx)
            slope = jnp.stack([below * dx, after * dy], axis=1)
            at_bar = at_bar + (bar * inside * image[places])[:, None] * slope
        return like((image_bar, at_bar), args)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 5), uniform(6, 2, low=-1.0, high=5.0, seed=1))


@right(cases, "S0")
def crop_from_key():
    """Two rows and two columns are cut off, on sides drawn from the key, which is all that is saved."""

    def offsets(key):
        down, right = jax.random.split(key)
        return jax.random.randint(down, (), 0, 3), jax.random.randint(right, (), 0, 3)

    def f(x, key):
        of_rank(2, x)
        need(min(x.shape) > 2)
        return jax.lax.dynamic_slice(x, offsets(key), (x.shape[0] - 2, x.shape[1] - 2))

    def bwd(key, y_bar):
        whole = jnp.pad(y_bar, ((0, 2), (0, 2)))
        return jnp.roll(whole, offsets(key), axis=(0, 1)), None

    return rule(f, lambda x, key: (f(x, key), key), bwd), (normal(5, 6), jax.random.key(0))
