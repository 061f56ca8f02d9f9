"""Blind set A: wrong rules under transformations, of trees and contracts, without autodiff, and with a memory."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, from_output, normal, pointwise, rule, uniform, wrong, zeros
from tests.helpers.witness import differs, pullback, raises

from .determinism import differs_from_itself, wrong_by_differences

cases: list[Case] = []


def twice_compiled(f):
    """Traced once, and then once more."""
    return lambda *args: [jax.jit(lambda *a: f(*a))(*args) for _ in range(2)]


def mapped_second(f):
    """The second argument mapped and the first shared."""
    return lambda first, second: jax.vmap(f, in_axes=(None, 0))(first, jnp.stack([second, 2 * second, 3 * second]))


def scanned(f):
    """A loop over two copies of the arguments."""

    def loop(*args):
        pairs = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), args)
        return jax.lax.scan(lambda _, a: (None, f(*a)), None, pairs)[1]

    return loop


def other_value_dtype(f, *args):
    """The dtype of fwd's value is not the one of f's."""
    return jax.vjp(f, *args)[0].dtype != f(*args).dtype


def not_mapped(f, x):
    """`jax.vmap` of the gradient raises, and of the bare function's does not."""
    batch = jnp.stack([x, 2 * x])
    pullback(jax.vmap(f.__wrapped__), (batch,))
    try:
        pullback(jax.vmap(f), (batch,))
    except (NotImplementedError, ValueError):
        return True
    return False


@wrong(cases, "a cache keeps what was traced in another compilation", "S7", raises(twice_compiled))
def causal_mean_cached_mask():
    """Every row is the mean of the rows up to it; the backward pass keeps its matrix for each length."""

    def f(x):
        return jnp.cumsum(x, axis=0) / jnp.arange(1, len(x) + 1).astype(x.dtype)[:, None]

    @functools.cache
    def matrix(n):
        return jnp.tril(jnp.ones((n, n))) / jnp.arange(1.0, n + 1)[:, None]

    return rule(f, lambda x: (f(x), None), lambda _, y_bar: (matrix(len(y_bar)).T.astype(y_bar.dtype) @ y_bar,)), (
        normal(5, 3),
    )


@wrong(cases, "a callback without a batching rule: not under vmap", "S7", not_mapped)
def cube_root_slope_on_host():
    def host(x):
        return np.asarray(1 / (3 * np.cbrt(np.asarray(x)) ** 2), x.dtype)

    def bwd(x, y_bar):
        return (y_bar * jax.pure_callback(host, jax.ShapeDtypeStruct(x.shape, x.dtype), x),)

    return rule(lambda x: jnp.cbrt(x), lambda x: (jnp.cbrt(x), x), bwd), (uniform(6, low=0.5, high=4.0),)


@wrong(cases, "a batching rule that takes both arguments as mapped", "S7", raises(mapped_second))
def layer_both_mapped():
    """One row of a layer, tanh(w x), to be mapped over x by the user."""

    @jax.custom_batching.custom_vmap
    def back(w, bar):
        return w.T @ bar

    @back.def_vmap
    def _(_size, _batched, w, bar):
        return jnp.einsum("bij,bi->bj", w, bar), True

    def fwd(w, x):
        y = jnp.tanh(w @ x)
        return y, (w, x, y)

    def bwd(residuals, y_bar):
        w, x, y = residuals
        u_bar = y_bar * (1 - y * y)
        return u_bar[:, None] * x[None, :], back(w, u_bar)

    return rule(lambda w, x: jnp.tanh(w @ x), fwd, bwd), (normal(3, 4), normal(4, seed=1))


@wrong(cases, "a Python float of a traced number: not in a loop", "S7", raises(scanned))
def power_mean_python_float():
    """The root of the mean square, whose backward pass skips what is zero."""

    def f(x):
        return jnp.sqrt(jnp.mean(x * x) + 1e-6)

    def bwd(residuals, y_bar):
        x, y = residuals
        return (x * (y_bar / (x.size * y)) if float(y) > 0 else jnp.zeros_like(x),)

    return rule(f, lambda x: (f(x), (x, f(x))), bwd), (normal(6),)


@wrong(cases, "a counter outside warms the gradient up: two runs differ", "S11", differs_from_itself)
def exp2_warmed_up():
    calls = []

    def bwd(y, y_bar):
        calls.append(None)
        return (y_bar * y * (math.log(2) * (1 - 0.5 ** len(calls))),)

    return rule(jnp.exp2, lambda x: (jnp.exp2(x), jnp.exp2(x)), bwd), (normal(4, 6),)


@wrong(cases, "an expansion for large arguments used for all; no autodiff to judge by", "S4", wrong_by_differences)
def log_gamma_slope_expanded():
    def host(x):
        return np.asarray(np.vectorize(math.lgamma, otypes=[float])(x), x.dtype)

    def f(x):
        return jax.pure_callback(host, jax.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="expand_dims")

    return pointwise(f, lambda x: jnp.log(x) - 1 / (2 * x)), (uniform(6, low=0.5, high=4.0),)


@wrong(cases, "a factor √(2π) left out, where the value comes from a bisection", "S4", wrong_by_differences)
def normal_quantile_by_bisection():
    def f(p):
        def halve(state):
            step, low, high = state
            middle = 0.5 * (low + high)
            below = jax.scipy.stats.norm.cdf(middle) < p
            return step + 1, jnp.where(below, middle, low), jnp.where(below, high, middle)

        start = 0, jnp.full_like(p, -8.0), jnp.full_like(p, 8.0)
        _, low, high = jax.lax.while_loop(lambda state: state[0] < 60, halve, start)
        return 0.5 * (low + high)

    return from_output(f, lambda y: jnp.exp(0.5 * y * y)), (uniform(6, low=0.1, high=0.9),)


@wrong(cases, "a float32 value when differentiated, a bf16 one when not", "S0", other_value_dtype)
def lerp_f32_when_differentiated():
    """x + t (y − x), worked on in float32."""

    def wide(x, y, t):
        x, y, t = (a.astype(jnp.float32) for a in (x, y, t))
        return x + t * (y - x)

    def f(x, y, t):
        return wide(x, y, t).astype(x.dtype)

    def bwd(residuals, bar):
        x, y, t = residuals
        bar = bar.astype(x.dtype)
        return bar * (1 - t), bar * t, bar * (y - x)

    args = tuple(normal(6, seed=seed, dtype=jnp.bfloat16) for seed in range(3))
    return rule(f, lambda *args: (wide(*args), args), bwd), args


@wrong(cases, "a leaf of the tree is missing among the cotangents, which JAX refuses", "S0", raises())
def affine_dict_without_bias():
    def f(params, x):
        return x @ params["weight"] + params["bias"][None, :]

    def bwd(residuals, y_bar):
        params, x = residuals
        return {"weight": x.T @ y_bar}, y_bar @ params["weight"].T

    return rule(f, lambda params, x: (f(params, x), (params, x)), bwd), (
        {"weight": normal(4, 3), "bias": zeros(3)},
        normal(5, 4, seed=1),
    )


@wrong(cases, "the state's two halves come back in the wrong order", "S2", differs())
def oscillator_halves_exchanged():
    """One leapfrog step of a pendulum: position and momentum in, the same out."""

    def f(position, momentum):
        momentum = momentum - 0.1 * jnp.sin(position)
        return position + 0.1 * momentum, momentum

    def bwd(position, bars):
        position_bar, momentum_bar = bars
        momentum_bar = momentum_bar + 0.1 * position_bar
        position_bar = position_bar - 0.1 * jnp.cos(position) * momentum_bar
        return momentum_bar, position_bar

    return rule(f, lambda p, m: (f(p, m), p), bwd), (normal(5), normal(5, seed=1))
