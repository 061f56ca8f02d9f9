"""One Euclidean length: every rule that measures one is right where the squares overflow or underflow.

Each function below is homogeneous: f(s x) = s^k f(x), with cotangents s^(k-1) and second derivatives s^(k-2) times those
at s = 1. There the plain formula in float64 is the truth, and a power of two scales it exactly.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn import rules

RNG = np.random.default_rng(0)
X, T, X_DOT, T_DOT = (RNG.uniform(-1, 1, (3, 5)).astype(np.float32) for _ in range(4))
EXPONENTS = {jnp.float32: (-99, -60, 0, 60, 123), jnp.float64: (-664, -99, 0, 123, 664)}  # 1e-30 … 1e37, 1e±200
SMALLEST = {jnp.float32: 1e-35, jnp.float64: 1e-250}


def size(x, axis=-1):
    return jnp.sqrt(jnp.sum(x * x, axis=axis, keepdims=True))


# name: the rule, the plain formula, the degree k, and how many derivatives are the formula's
MEASURES = {
    "safe_norm": (lambda x, t: rules.safe_norm(x), lambda x, t: size(x)[:, 0], 1, 2),
    "triplet": (lambda x, t: rules.triplet(x, t, x, 0.0, 0.0), lambda x, t: size(x - t)[:, 0], 1, 2),
    "l2_normalize": (
        lambda x, t: rules.l2_normalize(x, eps=SMALLEST[x.dtype.type]),
        lambda x, t: x / size(x),
        0,
        2,
    ),
    "weight_norm": (
        lambda x, t: rules.weight_norm(x, jnp.ones(5, x.dtype)),
        lambda x, t: x / size(x, 0),
        0,
        2,
    ),
    "spectral_norm": (  # it takes the singular vectors for constants
        lambda x, t: rules.spectral_norm(x[..., None], jnp.ones(1, x.dtype), 0, SMALLEST[x.dtype.type])[0][..., 0],
        lambda x, t: x / size(x, (0, 1)),
        0,
        1,
    ),
    "cosine_distance": (
        lambda x, t: rules.cosine_distance(x, t, max(SMALLEST[x.dtype.type] ** 2, 1e-300)),
        lambda x, t: 1 - jnp.sum(x / size(x) * (t / size(t)), axis=-1),
        0,
        2,
    ),
}
CASES = [pytest.param(name, dtype, id=f"{name}-{dtype.__name__}") for name in MEASURES for dtype in EXPONENTS]


def derivatives(f):
    """Value, cotangents for a fixed upstream cotangent, and the second derivative along a fixed direction."""

    def loss(x, t):
        y = f(x, t)
        return jnp.vdot(jnp.cos(jnp.arange(y.size, dtype=y.dtype)), y.ravel())

    bars = jax.grad(loss, (0, 1))
    along = lambda x, t: sum(map(jnp.vdot, bars(x, t), (X_DOT.astype(x.dtype), T_DOT.astype(x.dtype))))
    return jax.jit(lambda x, t: (f(x, t), bars(x, t), jax.grad(along, (0, 1))(x, t)))


def assert_right_at_every_scale(f, name, dtype):
    _, plain, degree, orders = MEASURES[name]
    truth = derivatives(plain)(X.astype(np.float64), T.astype(np.float64))
    measure, limits = derivatives(f), jnp.finfo(dtype)
    for exponent in EXPONENTS[dtype]:
        if name == "cosine_distance" and 2.0**exponent < 1e-150:
            continue  # its eps is the square of a length, for which 1e-300 is as good as the least number
        got = measure(*(np.ldexp(a.astype(dtype), exponent) for a in (X, T)))
        for order in range(orders + 1):
            shift = exponent * (degree - order)
            if limits.minexp + 8 < shift < limits.maxexp - 4:
                assert_equal_but_for_rounding(got[order], truth[order], shift, 32 * limits.eps, f"{exponent}: {order}")


def assert_equal_but_for_rounding(got, expected, shift, tolerance, what):
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        error = np.abs(np.ldexp(np.asarray(a, np.float64), -shift) - b).max()
        assert error <= tolerance * max(np.abs(b).max(), 1), f"2^{what}: error {error}"


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_value_and_both_derivatives_are_right_at_every_scale(name, dtype):
    assert_right_at_every_scale(MEASURES[name][0], name, dtype)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_the_plain_formula_is_not(name, dtype):
    with pytest.raises(AssertionError, match=r"2\^"):
        assert_right_at_every_scale(MEASURES[name][1], name, dtype)


@pytest.mark.parametrize(("dtype", "a"), [(jnp.float32, 1e30), (jnp.float64, 1e200)])
def test_two_rows_beyond_the_range_of_squares_have_their_true_distance(dtype, a):
    rows = jnp.array([a, a], dtype), jnp.array([a, 0], dtype)
    distance, bars = jax.value_and_grad(rules.cosine_distance, (0, 1))(*rows)
    third, half = 0.5**1.5 / a, 0.5**0.5 / a
    assert float(distance) == pytest.approx(1 - 0.5**0.5, rel=1e-6)
    np.testing.assert_allclose(bars, ([-third, third], [0.0, -half]), rtol=1e-6)


@pytest.mark.parametrize(("dtype", "a"), [(jnp.float32, 6e37), (jnp.float64, 3e307), (jnp.float64, 1e200)])
def test_the_largest_finite_lengths_have_their_true_derivatives(dtype, a):
    long, zeros, short = (jnp.array(row, dtype) for row in ([3 * a, 4 * a], [0, 0], [3 * a, 0]))
    for measure in (rules.safe_norm, lambda x: rules.triplet(x, zeros, x, 0.0, 0.0)):
        size, bar = jax.value_and_grad(measure)(long)
        assert float(size) == pytest.approx(5 * a, rel=1e-6)
        np.testing.assert_allclose(bar, [0.6, 0.8], rtol=1e-6)
    assert float(rules.triplet(long, zeros, short)) == pytest.approx(a, rel=1e-5)
    assert float(rules.cosine_distance(long, short)) == pytest.approx(0.4, rel=1e-6)


@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
def test_a_weight_is_its_feature_norms_times_its_directions(size):
    w = jnp.asarray(size * X, jnp.float32)
    np.testing.assert_allclose(rules.weight_norm(w, rules.feature_norms(w)), w, rtol=1e-6)
