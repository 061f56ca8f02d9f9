"""Wrong rules that go wrong under a transformation only, or where no autodiff can be the judge."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, pointwise, rule, uniform, wrong
from tests.helpers.witness import gap, pullback, raises

cases: list[Case] = []


def wrong_under_vmap(f, x):
    """The gradient of a mapped function is not the mapped gradient of the bare one."""
    batch = jnp.stack([x, 3 * x + 1])
    return gap(pullback(jax.vmap(f), (batch,)), pullback(jax.vmap(f.__wrapped__), (batch,))) > 1e-3


def wrong_by_differences(f, x):
    """Central differences of the value part from the slope."""
    h = 1e-3
    x = x.astype(jnp.float64)
    slopes = (f(x + h) - f(x - h)) / (2 * h)
    return gap(pullback(f, (x,), jnp.ones_like(x), compiled=False), [slopes]) > 1e-2


def differs_from_itself(f, x):
    """Two runs give two answers."""
    return gap(pullback(f, (x,), compiled=False), pullback(f, (x,), compiled=False)) > 1e-6


def erf_on_host(x):
    """The error function of Python's own library."""

    def host(x):
        return np.asarray(np.vectorize(math.erf, otypes=[float])(x), x.dtype)

    return jax.pure_callback(host, jax.ShapeDtypeStruct(x.shape, x.dtype), x, vmap_method="expand_dims")


@wrong(cases, "a Python branch on a value: not under jit", "S7", raises(jax.jit))
def leaky_relu_python_branch():
    def f(x):
        return jnp.where(x > 0, x, 0.1 * x)

    def bwd(x, y_bar):
        if (x > 0).all():
            return (y_bar,)
        return (y_bar * jnp.where(x > 0, 1.0, 0.1).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6),)


@wrong(cases, "NumPy on a traced value: not under jit", "S7", raises(jax.jit))
def square_by_numpy():
    return pointwise(lambda x: x * x, lambda x: jnp.asarray(2 * np.asarray(x))), (normal(4, 6),)


@wrong(cases, "a callback that sums over the mapped axis too", "S7", wrong_under_vmap)
def normalise_callback_sums_all():
    """x / sum(x), its backward pass in NumPy."""

    def f(x):
        return x / jnp.sum(x)

    def host(x, y_bar):
        total = np.sum(x)
        return np.asarray(y_bar / total - np.sum(y_bar * x) / total**2, y_bar.dtype)

    def bwd(x, y_bar):
        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        return (jax.pure_callback(host, shape, x, y_bar, vmap_method="broadcast_all"),)

    return rule(f, lambda x: (f(x), x), bwd), (uniform(6),)


@wrong(cases, "a factor, where the value comes from a callback and has no autodiff", "S4", wrong_by_differences)
def erf_by_callback():
    return pointwise(erf_on_host, lambda x: jnp.exp(-x * x) / math.sqrt(math.pi)), (normal(6),)


@wrong(cases, "random noise on the cotangent: two runs differ", "S11", differs_from_itself)
def square_root_noisy():
    rng = np.random.default_rng()

    def bwd(y, y_bar):
        noise = jnp.asarray(1 + 1e-4 * rng.normal(size=y.shape), y.dtype)
        return (y_bar * 0.5 / y * noise,)

    return rule(jnp.sqrt, lambda x: (jnp.sqrt(x), jnp.sqrt(x)), bwd), (uniform(6, low=0.5, high=2.0),)
