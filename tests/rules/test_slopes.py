"""Slopes in every dtype: exact in the tails where the rule keeps x, within an ulp of the largest where it keeps y.

No function here is jitted: a compiler may take y to the backward pass before it is rounded to half precision.
"""

from math import exp

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn import rules

DTYPES = [pytest.param(dtype, id=dtype.__name__) for dtype in (jnp.bfloat16, jnp.float16, jnp.float32, jnp.float64)]
SCALE, ALPHA = 1.0507009873554805, 1.6732632423543772

# rule, options, the slope left of 0, and points of every dtype
EXPONENTIAL = {
    "elu": (rules.elu, {}, exp),
    "elu-0.5": (rules.elu, {"alpha": 0.5}, lambda x: 0.5 * exp(x)),
    "elu--2": (rules.elu, {"alpha": -2.0}, lambda x: -2 * exp(x)),
    "selu": (rules.selu, {}, lambda x: SCALE * ALPHA * exp(x)),
    "celu": (rules.celu, {}, exp),
    "celu-2": (rules.celu, {"alpha": 2.0}, lambda x: exp(x / 2)),
}
TAIL = [-0.125, -1.0, -4.0, -5.0, -6.25, -8.0, -9.0, -20.0, -60.0, -80.0]
# rule, options, the largest slope, the slope at a size of x, and the bound in ulps of the largest slope: (half, float32)
KEEPING_Y = {
    "sigmoid": (rules.sigmoid, {}, 0.25, lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2, (1, 1.5)),
    "tanh": (rules.tanh, {}, 1.0, lambda x: 1 / np.cosh(x) ** 2, (1, 1)),
    "softcap-1": (rules.softcap, {"cap": 1.0}, 1.0, lambda x: 1 / np.cosh(x) ** 2, (1, 2.5)),
    "softcap-3": (rules.softcap, {"cap": 3.0}, 1.0, lambda x: 1 / np.cosh(x / 3) ** 2, (1, 2.5)),
}

LOSING_NOTHING = [rules.softplus, rules.log_sigmoid, rules.squareplus, rules.safe_sqrt]  # from y, to 1.5 eps


def slopes(f, x, options):
    y, vjp = jax.vjp(lambda x: f(x, **options), x)
    (slope,) = vjp(jnp.ones_like(y))
    assert slope.dtype == x.dtype
    return np.asarray(slope).astype(np.float64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXPONENTIAL)
def test_an_exponential_tail_has_its_true_slope(name, dtype):
    f, options, slope = EXPONENTIAL[name]
    expected = np.array([slope(x) for x in TAIL])
    limits = jnp.finfo(dtype)
    roundings = np.maximum(np.abs(expected) * 2 * float(limits.eps), float(limits.smallest_subnormal))
    error = np.abs(slopes(f, jnp.array(TAIL, dtype), options) - expected)
    assert (error <= roundings).all(), error / roundings


@pytest.mark.parametrize("dtype", DTYPES[:3])
@pytest.mark.parametrize("name", KEEPING_Y)
def test_a_slope_from_y_is_within_an_ulp_of_the_largest(name, dtype):
    f, options, largest, slope, bounds = KEEPING_Y[name]
    x = grid(dtype)
    expected = slope(np.minimum(np.abs(x.astype(np.float64)), 300))
    error = np.abs(slopes(f, jnp.asarray(x), options) - expected) / (largest * float(jnp.finfo(dtype).eps))
    assert error.max() <= bounds[dtype == jnp.float32], f"{error.max()} ulp of the largest slope at {x[error.argmax()]}"


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_a_slope_from_y_loses_no_digits(dtype):
    x, limits = grid(dtype), jnp.finfo(dtype)
    for f in LOSING_NOTHING:
        expected = slopes(f, jnp.asarray(x.astype(np.float64)), {})
        normal = (np.abs(x.astype(np.float64)) < 80) & (np.abs(expected) >= 2 * float(limits.tiny))
        normal &= (np.abs(expected) < float(limits.max)) & (np.abs(x.astype(np.float64)) >= float(limits.tiny))
        error = np.abs(slopes(f, jnp.asarray(x), {}) - expected)[normal] / np.abs(expected[normal])
        assert error.max() <= 1.5 * float(limits.eps), (f.__name__, x[normal][error.argmax()])


@pytest.mark.parametrize("dtype", DTYPES[:2])
def test_a_cotangent_from_rounded_probabilities_is_off_by_little(dtype):
    rng = np.random.default_rng(0)
    x, y_bar = jnp.asarray(8 * rng.normal(size=(500, 8)), dtype), rng.integers(-8, 9, (500, 8)) / 8
    for f, largest, most in (
        (rules.softmax, np.abs(y_bar).max(-1, keepdims=True), 1.5),
        (rules.log_softmax, np.abs(y_bar.sum(-1, keepdims=True)) + 1, 0.7),
    ):
        found, expected = (jax.vjp(f, a)[1](jnp.asarray(y_bar, a.dtype))[0] for a in (x, x.astype(jnp.float64)))
        error = np.abs(found.astype(jnp.float64) - expected) / largest
        assert error.max() <= most * float(jnp.finfo(dtype).eps), f.__name__


def grid(dtype):
    """All finite numbers of half precision; of float32 as many where the functions bend."""
    if dtype == jnp.float32:
        return np.random.default_rng(0).uniform(-12, 12, 1 << 16).astype(np.float32)
    x = np.arange(1 << 16, dtype=np.uint16).view(jnp.dtype(dtype))
    return x[np.isfinite(x.astype(np.float32))]


@pytest.mark.parametrize(("f", "from_x"), [
    (rules.sigmoid, lambda x: 0.25 / jnp.cosh(x / 2) ** 2),
    (rules.tanh, lambda x: 1 / jnp.cosh(x) ** 2),
])  # fmt: skip
def test_before_a_layer_x_would_be_an_array_more_than_y(f, from_x):
    exact = jax.custom_vjp(f)
    exact.defvjp(lambda x: (f(x), x), lambda x, y_bar: (y_bar * from_x(x),))
    x, w = jnp.ones((5, 3)), jnp.ones((3, 2))
    by_y, by_x = (kept_bytes(lambda x, g=g: rules.linear(g(x), w), x) for g in (f, exact))
    assert by_x - by_y == x.nbytes
    assert by_y == kept_bytes(lambda x: rules.linear(x, w), x)


def kept_bytes(f, x):
    _, vjp = jax.eval_shape(lambda x: jax.vjp(f, x), x)
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(vjp))
