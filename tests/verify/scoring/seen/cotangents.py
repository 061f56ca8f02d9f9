"""Wrong rules that treat the output's cotangent as if it were something else than any numbers."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, uniform, wrong
from tests.helpers.witness import differs, nonlinear

cases: list[Case] = []


def with_cotangent(f, slope, change):
    """A pointwise rule whose backward pass first spoils the cotangent."""
    return rule(f, lambda x: (f(x), x), lambda x, y_bar: (change(y_bar) * slope(x),))


@wrong(cases, "cotangent clipped", "S1", nonlinear())
def exp_clips():
    return with_cotangent(jnp.exp, jnp.exp, lambda y_bar: jnp.clip(y_bar, -1.0, 1.0)), (normal(4, 6),)


@wrong(cases, "cotangent clipped, far out", "S1", nonlinear(factor=1e4))
def arctan_clips_far_out():
    return with_cotangent(jnp.arctan, lambda x: 1 / (1 + x * x), lambda y_bar: jnp.clip(y_bar, -1e3, 1e3)), (normal(5),)


@wrong(cases, "small cotangents set to zero", "S1", nonlinear(factor=1e-4))
def sine_drops_small():
    def drop(y_bar):
        return jnp.where(jnp.abs(y_bar) < 1e-3, 0.0, y_bar).astype(y_bar.dtype)

    return with_cotangent(jnp.sin, jnp.cos, drop), (normal(4, 6),)


@wrong(cases, "cotangent offset", "S1", nonlinear(tolerance=1e-4))
def log_offset():
    return with_cotangent(jnp.log, lambda x: 1 / x, lambda y_bar: y_bar + 1e-3), (uniform(4, 6, low=0.5, high=2.0),)


@wrong(cases, "only positive cotangents pass (guided backpropagation)", "S1", differs())
def relu_guided():
    return with_cotangent(
        lambda x: jnp.maximum(x, 0.0), lambda x: (x > 0).astype(x.dtype), lambda y_bar: jnp.maximum(y_bar, 0.0)
    ), (normal(4, 6),)


@wrong(
    cases, "cotangent cast to float16 on its way: small ones vanish, large ones overflow", "S1", nonlinear(factor=1e6)
)
def softsign_through_f16():
    return with_cotangent(
        lambda x: x / (1 + jnp.abs(x)),
        lambda x: (1 + jnp.abs(x)) ** -2,
        lambda y_bar: y_bar.astype(jnp.float16).astype(y_bar.dtype),
    ), (normal(4, 6),)


@wrong(cases, "assumes that the cotangents sum to one", "S1", nonlinear())
def log_softmax_sum_assumed():
    def f(x):
        return jax.nn.log_softmax(x, axis=-1)

    return rule(f, lambda x: (f(x), f(x)), lambda y, y_bar: (y_bar - jnp.exp(y),)), (normal(4, 6),)


@wrong(cases, "ignores y_bar: assumes that the loss is differentiated itself", "S1", nonlinear())
def squared_error_ignores_cotangent():
    def f(prediction, target):
        return jnp.mean((prediction - target) ** 2)

    def fwd(prediction, target):
        return f(prediction, target), prediction - target

    def bwd(error, _):
        return 2 * error / error.size, -2 * error / error.size

    return rule(f, fwd, bwd), (normal(4, 3), normal(4, 3, seed=1))


@wrong(cases, "assumes that all cotangents are equal", "S2", differs())
def row_losses_first_cotangent():
    """A squared error a row; the backward pass takes the first row's cotangent for all."""

    def f(prediction, target):
        return jnp.sum((prediction - target) ** 2, axis=-1)

    def fwd(prediction, target):
        return f(prediction, target), prediction - target

    def bwd(error, y_bar):
        return 2 * error * y_bar[0], -2 * error * y_bar[0]

    return rule(f, fwd, bwd), (normal(4, 3), normal(4, 3, seed=1))


@wrong(cases, "assumes that all cotangents are equal (takes their mean)", "S2", differs())
def sort_by_mean_cotangent():
    def f(x):
        return jnp.sort(x, axis=-1)

    def bwd(_, y_bar):
        return (jnp.broadcast_to(jnp.mean(y_bar, axis=-1, keepdims=True), y_bar.shape),)

    return rule(f, lambda x: (f(x), None), bwd), (normal(4, 6),)


@wrong(cases, "cotangent rounded to eight bits: keeps factors, not sums", "S1", differs())
def outer_product_in_eight_bits():
    def rounded(bar):
        top = jnp.max(jnp.abs(bar))
        unit = jnp.where(top > 0, top / 127, 1.0).astype(bar.dtype)
        return jnp.round(bar / unit).astype(jnp.int8).astype(bar.dtype) * unit

    def f(a, b):
        return a[:, None] * b[None, :]

    def bwd(residuals, y_bar):
        (a, b), bar = residuals, rounded(y_bar)
        return bar @ b, a @ bar

    return rule(f, lambda a, b: (f(a, b), (a, b)), bwd), (normal(4), normal(5, seed=1))


@wrong(cases, "only the larger half of the cotangents passes: keeps factors, not sums", "S1", differs())
def pixel_shuffle_sparse_cotangent():
    """Four channels as the four pixels of a square."""

    def f(x):
        h, w, _ = x.shape
        return x.reshape(h, w, 2, 2).transpose(0, 2, 1, 3).reshape(2 * h, 2 * w)

    def bwd(_, y_bar):
        size = jnp.abs(y_bar)
        kept = jnp.where(size >= jnp.median(size), y_bar, 0.0).astype(y_bar.dtype)
        h, w = y_bar.shape
        return (kept.reshape(h // 2, 2, w // 2, 2).transpose(0, 2, 1, 3).reshape(h // 2, w // 2, 4),)

    return rule(f, lambda x: (f(x), None), bwd), (normal(3, 2, 4),)
