"""Wrong rules of rankings, contrasts, transport and big vocabularies."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, rule, wrong
from tests.helpers.witness import differs, pullback

cases: list[Case] = []


@wrong(cases, "exponentials without a shift in the backward pass: overflow at 100", "S3", differs(lambda s: (s * 300,)))
def list_likelihood_unshifted_backward():
    """Plackett and Luce's negative log-likelihood of scores that come in the true order."""

    def f(s):
        return jnp.sum(jax.lax.cumlogsumexp(s, axis=0, reverse=True) - s)

    def bwd(s, y_bar):
        e = jnp.exp(s)
        return (y_bar * (e * jnp.cumsum(1 / jnp.cumsum(e[::-1])[::-1]) - 1),)

    return rule(f, lambda s: (f(s), s), bwd), (normal(6),)


@wrong(
    cases,
    "pairs of equal relevance count in the backward pass",
    "S3",
    differs(lambda s, _: (s, jnp.asarray([1, 0, 1, 0, 2, 1]))),
)
def rank_pairs_of_equal_relevance():
    """A logistic loss for every pair of which the first is the more relevant."""

    def f(s, relevance):
        before = relevance[:, None] > relevance[None, :]
        return jnp.sum(jax.nn.softplus(s[None, :] - s[:, None]), where=before)

    def bwd(residuals, y_bar):
        s, relevance = residuals
        before = relevance[:, None] >= relevance[None, :]
        slope = jnp.where(before, jax.lax.logistic(s[None, :] - s[:, None]), 0.0)
        return y_bar * (jnp.sum(slope, axis=0) - jnp.sum(slope, axis=1)), None

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6), jnp.asarray([3, 1, 5, 0, 4, 2]))


@wrong(cases, "an example counts among its own negatives in the backward pass", "S2", differs())
def contrast_with_itself_backward():
    """Rows 2i and 2i + 1 are two views of one picture."""

    def scores(z):
        return 2 * z @ z.T

    def f(z):
        if len(z) % 2:
            raise ValueError("the rows come in pairs")
        partner, own = np.arange(len(z)) ^ 1, np.eye(len(z), dtype=bool)
        s = scores(z)
        others = jax.nn.logsumexp(jnp.where(own, -jnp.inf, s), axis=1)
        return jnp.mean(others - s[np.arange(len(z)), partner])

    def bwd(z, y_bar):
        pairs = jnp.eye(len(z), dtype=z.dtype)[np.arange(len(z)) ^ 1]
        s_bar = y_bar / len(z) * (jax.nn.softmax(scores(z), axis=1) - pairs)
        return (2 * (s_bar + s_bar.T) @ z,)

    return rule(f, lambda z: (f(z), z), bwd), (normal(6, 3),)


@wrong(
    cases,
    "full gradient to every one of the equally hard negatives",
    "S5",
    differs(lambda good, bad: (0 * good, 0 * bad)),
)
def hardest_negative_all_that_tie():
    def f(good, bad):
        return jnp.maximum(1 + jnp.max(bad, axis=1) - good, 0.0)

    def bwd(residuals, y_bar):
        good, bad = residuals
        top = jnp.max(bad, axis=1)
        bar = jnp.where(1 + top > good, y_bar, 0.0)
        return -bar, jnp.where(bad == top[:, None], bar[:, None], 0.0)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4), normal(4, 5, seed=1))


@wrong(cases, "the second sample's cotangent stays in sorted order", "S2", differs())
def transport_second_left_sorted():
    """The mean distance of two sorted samples."""

    def f(a, b):
        return jnp.mean(jnp.abs(jnp.sort(a) - jnp.sort(b)))

    def bwd(residuals, y_bar):
        a, b = residuals
        side = y_bar / len(a) * jnp.sign(jnp.sort(a) - jnp.sort(b))
        return side[jnp.argsort(jnp.argsort(a))], -side

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(7), normal(7, seed=1))


@wrong(
    cases,
    "sixteen chunks at most: nothing beyond the 256th class",
    "S10",
    differs(lambda x, label: (normal(len(x), 300), label)),
)
def cross_entropy_sixteen_chunks():
    def f(x, label):
        picked = jnp.take_along_axis(x, label[:, None], axis=1)[:, 0]
        return jax.nn.logsumexp(x, axis=1) - picked

    def bwd(residuals, y_bar):
        x, label = residuals
        total, x_bar = jax.nn.logsumexp(x, axis=1), jnp.zeros_like(x)
        for start in range(0, min(x.shape[1], 256), 16):
            part = x[:, start : start + 16]
            hot = jax.nn.one_hot(label - start, part.shape[1], dtype=x.dtype)
            slope = jnp.exp(part - total[:, None]) - hot
            x_bar = x_bar.at[:, start : start + 16].set(y_bar[:, None] * slope)
        return x_bar, None

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 20), jnp.asarray([2, 0, 19, 7]))


def entmax(x):
    """α = 1.5: the squares of what is over a threshold, found by sorting."""
    z = -jnp.sort(-x / 2, axis=-1)
    k = jnp.arange(1, x.shape[-1] + 1).astype(x.dtype)[None, :]
    mean, square = jnp.cumsum(z, axis=-1) / k, jnp.cumsum(z * z, axis=-1) / k
    rest = 1 / k - (square - mean * mean)
    threshold = mean - jnp.where(rest > 0, jnp.sqrt(jnp.where(rest > 0, rest, 1.0)), 0.0)
    count = jnp.sum((threshold <= z).astype(jnp.int32), axis=-1, keepdims=True)
    return jnp.maximum(x / 2 - jnp.take_along_axis(threshold, count - 1, axis=-1), 0.0) ** 2


def not_entmax(f, x):
    """The rule's cotangents are not those of `entmax`."""
    x = x.astype(jnp.float64)
    got, true = pullback(f, (x,))[0], pullback(entmax, (x,))[0]
    return float(jnp.max(jnp.abs(f(x) - entmax(x)))) < 1e-9 and float(jnp.max(jnp.abs(got - true))) > 1e-2


@wrong(cases, "weighted by the probabilities instead of their roots", "S4", not_entmax, reference=entmax)
def entmax_weights_without_root():
    """By a bisection in a while loop, which has no reverse mode."""

    def f(x):
        def halve(state):
            step, low, high = state
            middle = 0.5 * (low + high)
            above = jnp.sum(jnp.maximum(x / 2 - middle, 0.0) ** 2, axis=-1, keepdims=True) > 1
            return step + 1, jnp.where(above, middle, low), jnp.where(above, high, middle)

        top = jnp.max(x / 2, axis=-1, keepdims=True)
        _, low, high = jax.lax.while_loop(lambda state: state[0] < 60, halve, (0, top - 1, top))
        return jnp.maximum(x / 2 - 0.5 * (low + high), 0.0) ** 2

    def bwd(y, y_bar):
        mean = jnp.sum(y * y_bar, axis=-1, keepdims=True) / jnp.sum(y, axis=-1, keepdims=True)
        return (y * (y_bar - mean),)

    return rule(f, lambda x: (f(x), f(x)), bwd), (normal(4, 6),)
