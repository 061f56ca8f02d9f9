"""Held out, blind: wrong rules at kinks, with options, of trees and tapes, and under transformations."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, ones, pointwise, rule, uniform, wrong, zeros
from tests.helpers.witness import differs, gap, pullback, raises, stale

cases: list[Case] = []


@wrong(
    cases,
    "no slope at all on the border between two brackets",
    "S5",
    differs(lambda x: (jnp.asarray([1.0, 2.0]),), tolerance=0.5),
)
def tax_of_open_brackets():
    """A rate for each bracket of an income; only what lies in the bracket pays it."""
    lower, upper, rates = np.asarray([0.0, 1.0, 2.0]), np.asarray([1.0, 2.0, np.inf]), np.asarray([0.1, 0.3, 0.5])

    def f(x):
        return sum(
            rate * jnp.clip(x - low, 0.0, high - low)
            for low, high, rate in zip(lower.tolist(), upper.tolist(), rates.tolist(), strict=True)
        )

    def slope(x):
        low, high = jnp.asarray(lower, x.dtype)[:, None], jnp.asarray(upper, x.dtype)[:, None]
        flat = x.reshape(1, -1)
        inside = (flat > low) & (flat < high)
        return (jnp.asarray(rates, x.dtype) @ inside.astype(x.dtype)).reshape(x.shape)

    return pointwise(f, slope), (uniform(8, high=3.0),)


@wrong(
    cases,
    "on a border nobody gets a gradient",
    "S5",
    differs(lambda x, low, high: (low, low, high), tolerance=0.4),
)
def clip_between_arrays():
    def f(x, low, high):
        return jnp.minimum(jnp.maximum(x, low), high)

    def bwd(residuals, y_bar):
        x, low, high = residuals

        def only(mask):
            return jnp.where(mask, y_bar, 0.0).astype(y_bar.dtype)

        return only((x > low) & (x < high)), only(x < low), only(x > high)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6), -0.5 * ones(6), 0.5 * ones(6))


@wrong(cases, "divides by all, masked or not", "S3", differs(lambda x, mask: (x, mask.at[0, 1].set(False))))
def masked_mean_over_all():
    """The mean of what is unmasked in each row; the example masks nothing."""

    def f(x, mask):
        count = jnp.maximum(jnp.sum(mask, axis=-1), 1).astype(x.dtype)
        return jnp.sum(x, axis=-1, where=mask) / count

    def bwd(mask, y_bar):
        share = (y_bar / mask.shape[-1])[:, None]
        return jnp.where(mask, share, 0.0).astype(y_bar.dtype), None

    return rule(f, lambda x, mask: (f(x, mask), mask), bwd), (normal(4, 5), jnp.ones((4, 5), bool))


class Affine(NamedTuple):
    """Parameters as a tree of two leaves."""

    scale: jax.Array
    shift: jax.Array


@wrong(cases, "a dict for a named tuple, which JAX refuses", "S0", raises())
def affine_dict_for_named_tuple():
    def f(params, x):
        return params.scale[None, :] * jnp.sin(x) + params.shift[None, :]

    def bwd(residuals, y_bar):
        params, x = residuals
        params_bar = {"scale": jnp.sum(y_bar * jnp.sin(x), axis=0), "shift": jnp.sum(y_bar, axis=0)}
        return params_bar, y_bar * params.scale[None, :] * jnp.cos(x)

    return rule(f, lambda params, x: (f(params, x), (params, x)), bwd), (Affine(ones(3), zeros(3)), normal(4, 3))


@wrong(cases, "a tape of residuals, popped in whatever order the backward passes come", "S0", stale)
def chirp_residuals_on_a_tape():
    tape = []

    def f(x):
        return jnp.sin(x * x)

    def fwd(x):
        tape.append(2 * x * jnp.cos(x * x))
        return f(x), None

    return rule(f, fwd, lambda _, y_bar: (y_bar * tape.pop(),)), (normal(6),)


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


@wrong(cases, "the number of violators must be known: not under jit", "S7", raises(jax.jit))
def hinge_by_nonzero():
    def f(score, label):
        return jnp.mean(jnp.maximum(1 - score * label, 0.0))

    def bwd(residuals, y_bar):
        score, label = residuals
        hit = jnp.nonzero(score * label < 1)[0]
        share, none = -y_bar / len(score), jnp.zeros_like(score)
        return none.at[hit].set(share * label[hit]), none.at[hit].set(share * score[hit])

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6), jnp.sign(normal(6, seed=1)))


def fails_with_both_mapped(f, x, w):
    """Mapped over both arguments the gradient raises, and the bare function's does not."""
    both = jnp.stack([x, 2 * x, 3 * x]), jnp.stack([w, w, w])
    return raises(jax.vmap)(f, *both)


@wrong(cases, "a batching rule for mapped inputs and one shared weight only", "S7", fails_with_both_mapped)
def neuron_batching_rule_shared_weight():
    @jax.custom_batching.custom_vmap
    def slope(x, w):
        return 1 - jnp.tanh(jnp.sum(x * w)) ** 2

    @slope.def_vmap
    def _(_size, _batched, x, w):
        return 1 - jnp.tanh(x @ w) ** 2, True

    def f(x, w):
        return jnp.tanh(jnp.sum(x * w))

    def bwd(residuals, y_bar):
        x, w = residuals
        bar = y_bar * slope(x, w)
        return bar * w, bar * x

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6), normal(6, seed=1))


def each_gets_the_total(f, x, w):
    """Example by example the gradients of a shared weight are not the bare function's."""
    batch = jnp.stack([x, 2 * x, 3 * x])

    def each(g):
        return jax.vmap(lambda x: pullback(g, (x, w), compiled=False)[1])(batch)

    return gap([each(f)], [each(f.__wrapped__)]) > 1e-3


@wrong(cases, "a batching rule that adds up over the batch at once: no gradients by example", "S7", each_gets_the_total)
def phase_batching_rule_adds_up():
    @jax.custom_batching.custom_vmap
    def shift_bar(slope):
        return slope

    @shift_bar.def_vmap
    def _(_size, _batched, slope):
        return jnp.sum(slope, axis=0), False

    def f(x, shift):
        return jnp.sin(x + shift)

    def bwd(residuals, y_bar):
        slope = y_bar * jnp.cos(residuals[0] + residuals[1])
        return slope, shift_bar(slope)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6), zeros(6))
