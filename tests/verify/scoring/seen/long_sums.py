"""Half precision, wrong and right: long sums, exponents and small differences, which float32 inside would keep."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, from_output, like, normal, of_rank, ones, right, rule, uniform, wide, wrong, zeros
from tests.helpers.witness import gap, pullback, worse_than_autodiff

cases: list[Case] = []

HALF = jnp.bfloat16


def finer(kept, dtype):
    """The finer of two dtypes; the second where there is no first."""
    return kept if kept is not None and jnp.finfo(kept).bits > jnp.finfo(dtype).bits else dtype


def one_after_the_other(rows, dtype):
    """The sum over the first axis, of one row after the other, in a dtype."""
    add = lambda total, row: (total + row.astype(dtype), None)
    return jax.lax.scan(add, jnp.zeros(rows.shape[1:], dtype), rows)[0]


def by_ones(f, *args):
    """For a cotangent of ones the rule is ten times as far from float64 as autodiff is, and by 3 % at least."""
    doubles = tuple(a.astype(jnp.float64) for a in args)
    true = pullback(f.__wrapped__, doubles, jnp.ones_like(f.__wrapped__(*doubles)))
    own, peer = (gap(pullback(g, args, jnp.ones_like(f.__wrapped__(*args))), true) for g in (f, f.__wrapped__))
    return own > max(10 * peer, 0.03)


def dense(accumulator):
    """x @ w; the weight's cotangent is the sum of a product a row, added up in a dtype, or in y_bar's own."""

    def f(x, w):
        of_rank(2, x, w)
        return jnp.matmul(wide(x), wide(w), precision="highest").astype(x.dtype)

    def bwd(residuals, y_bar):
        x, w = residuals
        products = wide(x)[:, :, None] * wide(y_bar)[:, None, :]
        x_bar = jnp.matmul(wide(y_bar), wide(w).T, precision="highest")
        return like((x_bar, one_after_the_other(products, finer(accumulator, y_bar.dtype))), residuals)

    return rule(f, lambda x, w: (f(x, w), (x, w)), bwd)


@wrong(cases, "the weight's cotangent is added up in bf16 over a thousand rows", "S6", by_ones)
def dense_weight_added_up_in_half():
    return dense(None), (uniform(1024, 4, dtype=HALF), normal(4, 3, seed=1, dtype=HALF))


def long_and_half(f, x, w):
    """The same in bfloat16 with a thousand rows."""
    return by_ones(f, uniform(1024, x.shape[1], dtype=HALF), w.astype(HALF))


@wrong(cases, "adds up in y_bar's own dtype: in bf16 long sums stand still", "S10", long_and_half)
def dense_weight_added_up_as_it_comes():
    return dense(None), (normal(8, 4), normal(4, 3, seed=1))


@right(cases, "S6")
def dense_weight_added_up_in_single():
    return dense(jnp.float32), (uniform(1024, 4, dtype=HALF), normal(4, 3, seed=1, dtype=HALF))


@right(cases, "S10")
def dense_weight_added_up_in_single_at_least():
    return dense(jnp.float32), (normal(8, 4), normal(4, 3, seed=1))


def scaled_rows(dtype):
    """x · scale, the scale's cotangent added up row after row."""

    def f(x, scale):
        of_rank(2, x)
        return x * scale[None]

    def bwd(residuals, y_bar):
        x, scale = residuals
        scale_bar = one_after_the_other(wide(x) * wide(y_bar), finer(dtype, y_bar.dtype))
        return y_bar * scale[None], scale_bar.astype(scale.dtype)

    return rule(f, lambda x, scale: (f(x, scale), (x, scale)), bwd)


@wrong(cases, "a scale's cotangent added up in float16 over eight thousand rows", "S6", by_ones)
def scale_added_up_in_half():
    return scaled_rows(jnp.float16), (uniform(8192, 3, dtype=jnp.float16), ones(3, dtype=jnp.float16))


@right(cases, "S6")
def scale_added_up_in_single():
    return scaled_rows(jnp.float32), (uniform(8192, 3, dtype=jnp.float16), ones(3, dtype=jnp.float16))


def sum_so_far(dtype):
    """The running sum, and its transpose: the running sum from the other end."""

    def f(x):
        return jnp.cumsum(wide(x), axis=0).astype(x.dtype)

    def bwd(_, y_bar):
        at = finer(dtype, y_bar.dtype)
        add = lambda total, bar: (total + bar.astype(at),) * 2
        return (jax.lax.scan(add, jnp.zeros((), at), y_bar, reverse=True)[1].astype(y_bar.dtype),)

    return rule(f, lambda x: (f(x), None), bwd)


@wrong(cases, "a running sum of cotangents in bf16", "S6", by_ones)
def sum_so_far_in_half():
    return sum_so_far(HALF), (normal(700, dtype=HALF),)


@right(cases, "S6")
def sum_so_far_in_single():
    return sum_so_far(jnp.float32), (normal(700, dtype=HALF),)


def logsumexp(kept):
    """The weights are made again from the value, which is kept in a dtype, or in x's own."""

    def value(x):
        return jax.nn.logsumexp(wide(x), axis=-1)

    def f(x):
        return value(x).astype(x.dtype)

    def fwd(x):
        return f(x), (x, value(x).astype(finer(kept, x.dtype)))

    def bwd(residuals, y_bar):
        x, y = residuals
        return ((wide(y_bar)[..., None] * jnp.exp(wide(x) - wide(y)[..., None])).astype(x.dtype),)

    return rule(f, fwd, bwd)


@wrong(cases, "weights from a value near 1,000 that is rounded to bf16: 1 for 1/3", "S6", by_ones)
def logsumexp_value_rounded_to_half():
    return logsumexp(None), (1000 + normal(4, 3, dtype=HALF),)


@wrong(cases, "weights from a value near 500 that is rounded to float16", "S6", by_ones)
def logsumexp_value_rounded_to_float16():
    return logsumexp(None), (500 + normal(4, 3, dtype=jnp.float16),)


@wrong(cases, "weights from a value near 10 million that is rounded to float32", "S6", by_ones)
def logsumexp_value_rounded_to_single():
    return logsumexp(None), (1e7 + normal(4, 3),)


@right(cases, "S6")
def logsumexp_value_in_single():
    return logsumexp(jnp.float32), (1000 + normal(4, 3, dtype=HALF),)


@right(cases, "S6")
def softmax_from_rounded_output():
    """What is kept is the output, rounded to bf16: an error of one rounding in each weight."""

    def f(x):
        return jax.nn.softmax(wide(x), axis=-1).astype(x.dtype)

    def bwd(y, y_bar):
        y, bar = wide(y), wide(y_bar)
        return ((y * (bar - jnp.sum(bar * y, axis=-1, keepdims=True))).astype(y_bar.dtype),)

    return rule(f, lambda x: (f(x), f(x)), bwd), (normal(4, 6, dtype=HALF),)


def centred(squares):
    """(x − mean) / σ; the backward pass has σ from mean squares, or from squares of differences."""

    def centre(x):
        return x - jnp.mean(x, axis=-1, keepdims=True)

    def f(x):
        c = centre(wide(x))
        return (c * jax.lax.rsqrt(jnp.mean(c * c, axis=-1, keepdims=True) + 1e-3)).astype(x.dtype)

    def bwd(x, y_bar):
        rstd = jax.lax.rsqrt(wide(squares(x)) + 1e-3)
        y, bar = centre(wide(x)) * rstd, wide(y_bar)
        return ((rstd * (centre(bar) - y * jnp.mean(bar * y, axis=-1, keepdims=True))).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd)


@wrong(cases, "the variance as a difference of bf16 squares", "S6", worse_than_autodiff(lambda x: (x,), 10.0))
def standardise_by_half_squares():
    def squares(x):
        of_squares = jnp.mean(wide(x) ** 2, axis=-1, keepdims=True).astype(x.dtype)
        return jnp.maximum(of_squares - jnp.mean(wide(x), axis=-1, keepdims=True).astype(x.dtype) ** 2, 0)

    return centred(squares), (8 + normal(4, 6, dtype=HALF),)


@right(cases, "S6")
def standardise_by_single_squares():
    def squares(x):
        c = wide(x) - jnp.mean(wide(x), axis=-1, keepdims=True)
        return jnp.mean(c * c, axis=-1, keepdims=True)

    return centred(squares), (8 + normal(4, 6, dtype=HALF),)


@right(cases, "S6")
def tanh_from_rounded_output():
    """The slope 1 − y² of a rounded y, off by a rounding of 1 at most."""
    return from_output(lambda x: jnp.tanh(wide(x)).astype(x.dtype), lambda y: (1 - wide(y) ** 2).astype(y.dtype)), (
        normal(4, 6, dtype=HALF),
    )


@right(cases, "S10")
def bias_added_up_by_numpy_s_sum():
    """jnp.sum adds up halves in float32."""

    def f(x, bias):
        of_rank(2, x)
        return x + bias[None]

    return rule(f, lambda x, bias: (f(x, bias), None), lambda _, y_bar: (y_bar, jnp.sum(y_bar, axis=0))), (
        normal(8, 6),
        zeros(6),
    )
