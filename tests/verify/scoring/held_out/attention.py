"""Wrong rules of attention and its variants."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, rule, wrong
from tests.helpers.witness import differs, nonlinear, second_order

cases: list[Case] = []


def centred(p, p_bar):
    """The cotangent of a softmax's argument."""
    return p * (p_bar - jnp.sum(p * p_bar, axis=-1, keepdims=True))


def bars(p, q, k, v, y_bar, change=lambda s_bar: s_bar):
    """The cotangents of queries, keys and values from the weights `p`."""
    s_bar = change(centred(p, y_bar @ jnp.swapaxes(v, -1, -2))) / math.sqrt(q.shape[-1])
    return s_bar @ k, jnp.swapaxes(s_bar, -1, -2) @ q, jnp.swapaxes(p, -1, -2) @ y_bar


def scores(q, k):
    """Of each query with each key."""
    return q @ jnp.swapaxes(k, -1, -2) / math.sqrt(q.shape[-1])


@wrong(
    cases,
    "key heads repeated one by one forwards, as a whole backwards: the same for one key head",
    "S9",
    differs(lambda q, k, v: (q, *(jnp.concatenate([a, a[:, ::-1]]) for a in (k, v)))),
)
def grouped_heads_summed_as_tiles():
    def repeated(q, *kv):
        return [jnp.repeat(a, q.shape[0] // a.shape[0], axis=0) for a in kv]

    def f(q, k, v):
        k, v = repeated(q, k, v)
        return jax.nn.softmax(scores(q, k), axis=-1) @ v

    def bwd(residuals, y_bar):
        q, k, v = residuals
        many_k, many_v = repeated(q, k, v)
        q_bar, *many = bars(jax.nn.softmax(scores(q, many_k), axis=-1), q, many_k, many_v, y_bar)
        return q_bar, *(jnp.sum(a.reshape(-1, *k.shape), axis=0) for a in many)

    args = normal(4, 5, 3), normal(1, 5, 3, seed=1), normal(1, 5, 3, seed=2)
    return rule(f, lambda *args: (f(*args), args), bwd), args


def qkv(*shape: int):
    """Queries, keys and values of one shape."""
    return tuple(normal(*shape, seed=seed) for seed in range(3))


@wrong(cases, "slopes of eight heads, whatever their number", "S9", differs(lambda *_: qkv(4, 5, 3)))
def linear_bias_slopes_of_eight_heads():
    """Attention with a penalty on the distance, each head with its own slope."""

    def weights(q, k, slopes):
        far = np.abs(np.arange(q.shape[1])[:, None] - np.arange(k.shape[1])[None, :])
        return jax.nn.softmax(scores(q, k) - jnp.asarray(slopes[:, None, None] * far, q.dtype), axis=-1)

    def f(q, k, v):
        return weights(q, k, 2.0 ** (-8 * np.arange(1, len(q) + 1) / len(q))) @ v

    def bwd(residuals, y_bar):
        q, k, v = residuals
        return bars(weights(q, k, 0.5 ** np.arange(1, len(q) + 1)), q, k, v, y_bar)

    return rule(f, lambda *args: (f(*args), args), bwd), qkv(8, 5, 3)


@wrong(cases, "the scores' cotangent clipped at one", "S1", nonlinear(factor=100.0))
def attention_score_cotangent_clipped():
    def f(q, k, v):
        return jax.nn.softmax(scores(q, k), axis=-1) @ v

    def bwd(residuals, y_bar):
        q, k, v = residuals
        p = jax.nn.softmax(scores(q, k), axis=-1)
        return bars(p, q, k, v, y_bar, change=lambda s_bar: jnp.clip(s_bar, -1.0, 1.0))

    return rule(f, lambda *args: (f(*args), args), bwd), qkv(5, 3)


@wrong(cases, "the saved weights are held constant: second order wrong", "S8", second_order)
def attention_weights_held_constant():
    def fwd(q, k, v):
        p = jax.nn.softmax(scores(q, k), axis=-1)
        return p @ v, (jax.lax.stop_gradient(p), q, k, v)

    def f(q, k, v):
        return jax.nn.softmax(scores(q, k), axis=-1) @ v

    return rule(f, fwd, lambda residuals, y_bar: bars(*residuals, y_bar)), qkv(5, 3)


@wrong(cases, "a window wider by one in the backward pass", "S9", differs(lambda *_: qkv(12, 3)))
def local_attention_window_wider_by_one():
    """Seven neighbours to each side, more than the example has."""

    def weights(q, k, width):
        far = np.abs(np.arange(len(q))[:, None] - np.arange(len(k))[None, :])
        return jax.nn.softmax(jnp.where(far < width, scores(q, k), -jnp.inf), axis=-1)

    def f(q, k, v):
        return weights(q, k, 8) @ v

    def bwd(residuals, y_bar):
        q, k, v = residuals
        return bars(weights(q, k, 9), q, k, v, y_bar)

    return rule(f, lambda *args: (f(*args), args), bwd), qkv(6, 3)


@wrong(cases, "weights made to sum to one in the backward pass", "S2", differs())
def softmax_one_normalised_backward():
    """exp(x) / (1 + Σ exp(x)), by which a head may attend to nothing."""

    def f(x):
        top = jnp.maximum(jnp.max(x, axis=-1, keepdims=True), 0.0)
        e = jnp.exp(x - top)
        return e / (jnp.exp(-top) + jnp.sum(e, axis=-1, keepdims=True))

    def bwd(x, y_bar):
        return (centred(jax.nn.softmax(x, axis=-1), y_bar),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6),)


@wrong(cases, "the heads mixed forwards again, not by the transpose", "S2", differs())
def talking_heads_mixed_forwards():
    """A square matrix mixes the heads' scores before the softmax."""

    def f(mix, s):
        return jax.nn.softmax(jnp.einsum("gh,hij->gij", mix, s), axis=-1)

    def fwd(mix, s):
        p = f(mix, s)
        return p, (p, mix, s)

    def bwd(residuals, y_bar):
        p, mix, s = residuals
        u_bar = centred(p, y_bar)
        return jnp.einsum("gij,hij->gh", u_bar, s), jnp.einsum("gh,hij->gij", mix, u_bar)

    return rule(f, fwd, bwd), (normal(3, 3), normal(3, 4, 5, seed=1))


@wrong(
    cases,
    "the mask's −10⁹ is −∞ in float16: NaN where a row has no keys",
    "S6",
    differs(lambda q, k, v, mask: (q, k, v, mask.at[1].set(False)), tolerance=0.5),
)
def masked_attention_f16_fill():
    def weights(q, k, mask):
        s = scores(q, k)
        penalty = jnp.where(mask, jnp.zeros(mask.shape, jnp.float32), -1e9)
        return jax.nn.softmax(s + penalty.astype(s.dtype), axis=-1)

    def f(q, k, v, mask):
        q, k, v, dtype = *(a.astype(jnp.float32) for a in (q, k, v)), v.dtype
        return (weights(q, k, mask) @ v).astype(dtype)

    def bwd(residuals, y_bar):
        q, k, v, mask = residuals
        return *bars(weights(q, k, mask), q, k, v, y_bar), None

    q, k, v = (normal(4, 3, seed=seed, dtype=jnp.float16) for seed in range(3))
    return rule(f, lambda *args: (f(*args), args), bwd), (q, k, v, jnp.tri(4, dtype=bool))
