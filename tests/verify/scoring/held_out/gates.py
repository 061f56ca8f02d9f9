"""Wrong rules of gated and stochastic activations."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, pointwise, rule, uniform, wrong
from tests.helpers.witness import differs, gap, pullback

cases: list[Case] = []


@wrong(cases, "both branches count at zero: a slope of two", "S5", differs(lambda x: (0 * x,)))
def elu_both_branches_at_zero():
    def slope(x):
        return (x >= 0).astype(x.dtype) + jnp.where(x <= 0, jnp.exp(jnp.minimum(x, 0.0)), 0.0)

    return pointwise(lambda x: jnp.where(x > 0, x, jnp.expm1(jnp.minimum(x, 0.0))), slope), (normal(4, 6),)


@wrong(cases, "the gate's cotangent ignores what it lets by", "S2", differs())
def highway_gate_ignores_carry():
    """t h + (1 − t) x with t = σ(g)."""

    def f(x, h, g):
        t = jax.lax.logistic(g)
        return t * h + (1 - t) * x

    def bwd(residuals, y_bar):
        h, g = residuals
        t = jax.lax.logistic(g)
        return y_bar * (1 - t), y_bar * t, y_bar * h * t * (1 - t)

    return rule(f, lambda x, h, g: (f(x, h, g), (h, g)), bwd), tuple(normal(4, 6, seed=seed) for seed in range(3))


@wrong(
    cases, "goes on beyond the flat ends", "S3", differs(lambda x: (jnp.asarray([-0.5, 0.0, 0.4, 1.0, 1.5], x.dtype),))
)
def smooth_step_without_ends():
    """t² (3 − 2 t) with t = x cut off at zero and one."""

    def f(x):
        t = jnp.clip(x, 0.0, 1.0)
        return t * t * (3 - 2 * t)

    return pointwise(f, lambda x: 6 * x * (1 - x)), (uniform(4, 6),)


@wrong(cases, "the factor of the stretch left out", "S2", differs())
def hard_concrete_without_stretch():
    """A noisy sigmoid, stretched to (−0.1, 1.1) and cut off at zero and one."""

    def noisy(alpha, u):
        return jax.lax.logistic((jnp.log(u) - jnp.log1p(-u) + alpha) * 1.5)

    def f(alpha, u):
        return jnp.clip(1.2 * noisy(alpha, u) - 0.1, 0.0, 1.0)

    def bwd(residuals, y_bar):
        alpha, u = residuals
        s = noisy(alpha, u)
        inside = (s > 0.1 / 1.2) & (s < 1.1 / 1.2)
        bar = jnp.where(inside, 1.5 * y_bar * s * (1 - s), 0.0)
        return bar, bar / (u * (1 - u))

    args = normal(4, 6), uniform(4, 6, low=0.05, high=0.85, seed=1)
    return rule(f, lambda *args: (f(*args), args), bwd), args


def differs_in_twenty(f, *args):
    """Of twenty runs two give other answers."""
    first = pullback(f, args, compiled=False)
    return any(gap(pullback(f, args, compiled=False), first) > 1e-3 for _ in range(20))


@wrong(cases, "a coin on the host decides whether the branch is differentiated", "S11", differs_in_twenty)
def residual_branch_by_a_coin():
    coin = np.random.default_rng()

    def f(x, w):
        return x + jnp.tanh(x @ w)

    def bwd(residuals, y_bar):
        x, w = residuals
        kept = 2.0 if coin.random() < 0.5 else 0.0
        u_bar = kept * y_bar * (1 - jnp.tanh(x @ w) ** 2)
        return y_bar + u_bar @ w.T, x.T @ u_bar

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 3), normal(3, 3, seed=1))
