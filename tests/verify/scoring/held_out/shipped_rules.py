"""Rules over functions for which JAX ships rules of its own: their special points."""

import jax
import jax.numpy as jnp
from jax.scipy.special import xlogy

from tests.helpers.case import Case, like, need, normal, of_rank, pointwise, right, rule, uniform, wide, wrong, zeros
from tests.helpers.witness import at, differs, doubled, second_order_at

cases: list[Case] = []


def with_zeros(p, q):
    return jnp.asarray([0.0, 0.5, 0.0, 0.5], jnp.float64), jnp.asarray([0.1, 0.2, 0.3, 0.4], jnp.float64)


@wrong(cases, "a share of zero gets no gradient, though it would if it grew", "S5", differs(with_zeros))
def log_score_of_empty_shares():
    """−Σ p log q with 0 log 0 = 0."""

    def f(p, q):
        return -jnp.sum(xlogy(p, q))

    def bwd(args, bar):
        p, q = args
        return -bar * jnp.where(p > 0, jnp.log(q), 0), -bar * p / q

    args = uniform(6, low=0.1), uniform(6, low=0.1, seed=1)
    return rule(f, lambda *args: (f(*args), args), bwd), args


@wrong(
    cases,
    "nothing at a tie, where the slope is a half",
    "S5",
    differs(lambda a, b: (jnp.ones((2, 3)), jnp.ones((2, 3)))),
)
def preference_loss_of_equal_scores():
    """log(1 + exp(b − a)) of the score a that should win and the score b that should lose."""

    def f(a, b):
        return jax.nn.softplus(b - a)

    def bwd(args, bar):
        d = args[1] - args[0]
        small = jnp.exp(-jnp.abs(d))
        p = jnp.where(d > 0, 1 / (1 + small), jnp.where(d < 0, small / (1 + small), 0))
        return -bar * p, bar * p

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(2, 3), normal(2, 3, seed=1))


@wrong(cases, "the value of the centre, one, stands for its slope", "S5", differs(at(0.0, 0.5, -1.3)))
def sinc_window_slope_at_centre():
    def slope(x):
        safe = jnp.where(x == 0, 1, x)
        return jnp.where(x == 0, 1.0, (jnp.cos(jnp.pi * safe) - jnp.sinc(safe)) / safe)

    return pointwise(jnp.sinc, slope), (normal(4, 6),)


@right(cases, "S5")
def hidden_layer_of_exclusive_or():
    """relu(x w + b) with the usual bias: the row of zeros is exactly at the kink."""

    def f(x, w, b):
        of_rank(2, x, w)
        of_rank(1, b)
        need(w.shape[1:] == b.shape)
        return jax.nn.relu(wide(x) @ wide(w) + wide(b)[None]).astype(x.dtype)

    def bwd(args, y_bar):
        x, w, b = map(wide, args)
        u_bar = jnp.where(x @ w + b[None] > 0, wide(y_bar), 0)
        return like((u_bar @ w.T, x.T @ u_bar, jnp.sum(u_bar, axis=0)), args)

    x = jnp.asarray([[0, 0], [0, 1], [1, 0], [1, 1]], jnp.float32)
    return rule(f, lambda *args: (f(*args), args), bwd), (x, normal(2, 3), zeros(3))


def constant_slope_at_ties(f, a, b):
    a, b = doubled((a, b))
    return second_order_at(lambda a: (a,))(lambda a: f(a, b), a)


@wrong(
    cases, "at ties the slope is constant: its own slope is 0 there, and not a quarter", "S8", constant_slope_at_ties
)
def soft_larger_of_two():
    """log(eᵃ + eᵇ) of scores that are often equal, a half to each. It is right to first order only."""

    def f(a, b):
        need(a.shape == b.shape)
        return jnp.logaddexp(wide(a), wide(b)).astype(a.dtype)

    def bwd(args, bar):
        a, b = map(wide, args)
        same = a == b
        p = jnp.where(same, 0.5, jax.lax.logistic(jnp.where(same, 0, a - b)))
        q = jnp.where(same, 0.5, jax.lax.logistic(jnp.where(same, 0, b - a)))
        return like((wide(bar) * p, wide(bar) * q), args)

    args = jnp.round(2 * normal(4, 6)), jnp.round(2 * normal(4, 6, seed=1))
    return rule(f, lambda *args: (f(*args), args), bwd), args


@right(cases, "S5", points=doubled)
def binary_loss_with_even_odds():
    """Cross-entropy of logits that start at zero: log(1 + eˣ) − t x."""

    def f(x, t):
        need(x.shape == t.shape)
        return (jax.nn.softplus(wide(x)) - wide(t) * wide(x)).astype(x.dtype)

    def bwd(args, bar):
        x, t = map(wide, args)
        return like((wide(bar) * (jax.lax.logistic(x) - t), -wide(bar) * x), args)

    return rule(f, lambda *args: (f(*args), args), bwd), (zeros(4, 6), uniform(4, 6))
