"""Wrong rules of embeddings, mixtures of experts and random masks."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, wrong
from tests.helpers.witness import differs, pullback, raises

cases: list[Case] = []


@wrong(
    cases,
    "tokens beyond an expert's capacity still get a gradient",
    "S3",
    differs(lambda x, scale, expert: (x, scale, 0 * expert)),
)
def expert_overflow_still_learns():
    """Each expert takes its first three tokens; the others come out as zeros."""

    def f(x, scale, expert):
        chosen = jax.nn.one_hot(expert, len(scale), dtype=jnp.int32)
        place = jnp.sum(jnp.cumsum(chosen, axis=0) * chosen, axis=1)
        return jnp.where((place <= 3)[:, None], x * scale[expert], 0.0)

    def bwd(residuals, y_bar):
        x, scale, expert = residuals
        return y_bar * scale[expert], jnp.zeros_like(scale).at[expert].add(y_bar * x), None

    args = normal(6, 4), normal(3, 4, seed=1), jnp.asarray([0, 2, 1, 1, 0, 2])
    return rule(f, lambda *args: (f(*args), args), bwd), args


@wrong(cases, "the two chosen gates' own normaliser taken as a constant", "S2", differs())
def two_gates_normaliser_constant():
    """The two largest of a softmax, made to sum to one."""

    def parts(x):
        p = jax.nn.softmax(x, axis=-1)
        chosen = (p >= jnp.sort(p, axis=-1)[:, -2:-1]).astype(x.dtype)
        return p, chosen, jnp.sum(p * chosen, axis=-1, keepdims=True)

    def f(x):
        p, chosen, total = parts(x)
        return p * jax.lax.stop_gradient(chosen) / total

    def bwd(x, y_bar):
        p, chosen, total = parts(x)
        p_bar = y_bar * chosen / total
        return (p * (p_bar - jnp.sum(p * p_bar, axis=-1, keepdims=True)),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(6, 4),)


@wrong(
    cases,
    "ids wrap around the table in the forward pass and fall off it in the backward pass",
    "S3",
    differs(lambda table, ids: (table, ids + 5)),
)
def hashed_embedding_ids_fall_off():
    def f(table, ids):
        return table[ids % len(table)]

    def bwd(residuals, y_bar):
        table, ids = residuals
        return jnp.zeros_like(table).at[ids].add(y_bar, mode="drop"), None

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(5, 3), jnp.asarray([3, 0, 4, 3]))


@wrong(cases, "long rows shrunk without a projection", "S3", differs(lambda table, ids: (30 * table, ids)))
def embedding_length_limit_unprojected():
    """Rows no longer than one; those of a fresh table are short."""

    def shrink(rows):
        return jnp.minimum(1 / jnp.sqrt(jnp.sum(rows * rows, axis=-1, keepdims=True) + 1e-12), 1.0)

    def f(table, ids):
        return table[ids] * shrink(table[ids])

    def bwd(residuals, y_bar):
        table, ids = residuals
        return jnp.zeros_like(table).at[ids].add(y_bar * shrink(table[ids])), None

    return rule(f, lambda *args: (f(*args), args), bwd), (0.1 * normal(5, 3), jnp.asarray([3, 0, 4, 3]))


@wrong(cases, "a Python loop over the ids: not under jit", "S7", raises(jax.jit))
def embedding_bar_row_by_row():
    def bwd(residuals, y_bar):
        table, ids = residuals
        bar = jnp.zeros_like(table)
        for place, row in enumerate(ids):
            bar = bar.at[int(row)].add(y_bar[place])
        return bar, None

    return rule(lambda table, ids: table[ids], lambda table, ids: (table[ids], (table, ids)), bwd), (
        normal(5, 3),
        jnp.asarray([3, 0, 4, 3]),
    )


@wrong(cases, "the input's cotangent passes through the weights that were dropped", "S2", differs())
def dropped_weights_pass_backwards():
    """Half of a layer's weights are set to zero, by a key."""

    def kept(w, key):
        return jnp.where(jax.random.bernoulli(key, 0.5, w.shape), 2 * w, 0.0)

    def f(x, w, key):
        return x @ kept(w, key)

    def bwd(residuals, y_bar):
        x, w, key = residuals
        return y_bar @ w.T, kept(x.T @ y_bar, key), None

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 5), normal(5, 3, seed=1), jax.random.key(0))


@wrong(cases, "the partners' cotangents gathered by the same permutation", "S2", differs())
def mixup_partner_gathered_again():
    """Seven parts of an example and three parts of a partner, drawn from the key."""

    def mixed(x, order):
        return 0.7 * x + 0.3 * x[order]

    def f(x, key):
        return mixed(x, jax.random.permutation(key, len(x)))

    def bwd(key, y_bar):
        return f(y_bar, key), None

    return rule(f, lambda x, key: (f(x, key), key), bwd), (normal(7, 3), jax.random.key(0))


@wrong(cases, "an expert's fraction and its mean probability exchanged", "S2", differs())
def load_balance_fraction_exchanged():
    """Σ fraction · mean probability over the experts; the fraction of tokens has no gradient."""

    def parts(x):
        p = jax.nn.softmax(x, axis=-1)
        picked = jax.nn.one_hot(jnp.argmax(x, axis=-1), x.shape[-1], dtype=x.dtype)
        return p, jnp.mean(picked, axis=0), jnp.mean(p, axis=0)

    def f(x):
        _, fraction, mean = parts(x)
        return x.shape[-1] * jnp.sum(fraction * mean)

    def bwd(x, y_bar):
        p, _, mean = parts(x)
        p_bar = y_bar * x.shape[-1] / len(x) * mean[None, :]
        return (p * (p_bar - jnp.sum(p * p_bar, axis=-1, keepdims=True)),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(7, 4),)


def scale_off(f, a, b, scale):
    """The scale's cotangent in bf16's precision, though it is a float32 number."""
    doubles = tuple(leaf.astype(jnp.float64) for leaf in (a, b, scale))
    true = float(pullback(f.__wrapped__, doubles)[2])
    errors = [abs(float(pullback(g, (a, b, scale))[2]) - true) for g in (f, f.__wrapped__)]
    return errors[0] > 1e-3 * abs(true) > 100 * errors[1]


@wrong(cases, "the cotangent of a float32 scale added up from bf16 numbers", "S6", scale_off)
def logit_scale_added_up_in_bf16():
    """Similarities of two towers in bf16, times a scale in float32."""

    def f(a, b, scale):
        return scale * (a.astype(scale.dtype) @ b.astype(scale.dtype).T)

    def bwd(residuals, y_bar):
        a, b, scale = residuals
        s_bar = (y_bar * scale).astype(a.dtype)
        scale_bar = jnp.sum(y_bar.astype(a.dtype) * (a @ b.T)).astype(scale.dtype)
        return s_bar @ b, s_bar.T @ a, scale_bar

    args = normal(6, 4, dtype=jnp.bfloat16), normal(6, 4, seed=1, dtype=jnp.bfloat16), jnp.float32(14.3)
    return rule(f, lambda *args: (f(*args), args), bwd), args
