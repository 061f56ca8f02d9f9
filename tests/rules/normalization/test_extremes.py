"""Normalisations at a large offset, at a large size, and at rows of zeros: right, or finite, in every dtype."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn import rules

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(4, 64))
ROWS_BAR = RNG.integers(-8, 9, (4, 64)) / 4  # exact in every dtype
OFFSETS = np.array([[1e6], [-1e6], [1e7], [0.0]])
SIGNS = np.where(np.add.outer(np.arange(4), np.arange(64)) % 2, 1.0, -1.0)

# Each normalises the rows [4, 64].
CENTRING = {
    "layer_norm": rules.layer_norm,
    "batch_norm": lambda x: rules.batch_norm(x.T).T,
    "batch_norm of devices": lambda x: jax.vmap(lambda x: rules.batch_norm(x.T, axis_name="i").T, axis_name="i")(
        x.reshape(4, 2, 32).swapaxes(0, 1)
    ).swapaxes(0, 1).reshape(4, 64),
    "group_norm": lambda x: rules.group_norm(x, None, None, 1),
    "instance_norm": lambda x: rules.instance_norm(x[..., None])[..., 0],
}  # fmt: skip


def values_and_bars(functions, x, y_bar):
    """Of each function value and cotangent at x in float64, by one program."""

    def both(f, x, y_bar):
        y, vjp = jax.vjp(f, x)
        return y, vjp(y_bar)[0]

    found = jax.jit(lambda *args: {name: both(f, *args) for name, f in functions.items()})(x, y_bar.astype(x.dtype))
    return jax.tree.map(lambda a: np.asarray(a).astype(np.float64), found)


@pytest.mark.slow
def test_a_large_offset_loses_no_digits():
    x = jnp.asarray(ROWS + OFFSETS, jnp.float32)
    found, expected = (values_and_bars(CENTRING, a, ROWS_BAR) for a in (x, x.astype(jnp.float64)))
    for name in CENTRING:
        for a, b in zip(found[name], expected[name], strict=True):
            assert np.abs(a - b).max() <= 9e-7, name


def test_the_statistics_of_a_large_offset_lose_no_digits():
    x = jnp.asarray((ROWS + OFFSETS).T, jnp.float32)
    mean, variance = rules.batch_statistics([x[:20], x[20:]])
    exact = np.asarray(x, np.float64)
    np.testing.assert_allclose(mean, exact.mean(0), rtol=1e-7, atol=1e-6)
    np.testing.assert_allclose(variance, exact.var(0), rtol=1e-6)


@pytest.mark.parametrize(("dtype", "size"), [(jnp.bfloat16, 1e20), (jnp.float32, 1e30), (jnp.float64, 1e200)])
def test_large_entries_are_divided_by_their_size(dtype, size):
    x, eps = jnp.asarray(size * SIGNS, dtype), float(jnp.finfo(dtype).eps)
    for name, (y, x_bar) in values_and_bars(CENTRING, x, ROWS_BAR).items():
        projected = ROWS_BAR - SIGNS * np.mean(SIGNS * ROWS_BAR, 1, keepdims=True)
        projected -= np.mean(ROWS_BAR, 1, keepdims=True)
        assert np.abs(y - SIGNS).max() <= 2 * eps, name
        assert np.abs(x_bar * np.abs(float(x[0, 0])) - projected).max() <= 8 * eps, name


# rule, its arguments, of which the first is 0, and its slope there, 1 / eps in most; the cotangent is SIGNS, or 1 a row
ZEROS, ONES = np.zeros((4, 4)), np.ones((4, 4))
SMALL = {"eps": 1e-12}
AT_ZERO = {
    "l2_normalize": (rules.l2_normalize, (ZEROS,), 1e12),
    "spectral_norm": (lambda w, u: rules.spectral_norm(w, u)[0], (ZEROS, np.ones(4)), 1e12),
    "cosine_distance": (rules.cosine_distance, (ZEROS, ONES), -0.5e6),
    "weight_norm": (rules.weight_norm, (ZEROS, np.ones(4)), 0.0),
    "rms_norm": (lambda x: rules.rms_norm(x, **SMALL), (ZEROS,), 1e6),
    "layer_norm": (lambda x: rules.layer_norm(x, **SMALL), (ZEROS,), 1e6),
    "batch_norm": (lambda x: rules.batch_norm(x, **SMALL), (ZEROS,), 1e6),
    "group_norm": (lambda x: rules.group_norm(x, None, None, 1, **SMALL), (ZEROS,), 1e6),
    "instance_norm": (lambda x: rules.instance_norm(x[..., None], **SMALL)[..., 0], (ZEROS,), 1e6),
    "batch_norm_inference": (
        lambda *args: rules.batch_norm_inference(*args, **SMALL), (ZEROS, np.zeros(4), np.zeros(4)), 1e6
    ),
    "batch_norm_inference by a variance of 0": (
        lambda x, v: rules.batch_norm_inference(x, jnp.zeros_like(v), v, **SMALL), (ONES, np.zeros(4)), 1e6
    ),
    "gaussian_nll": (lambda v, m, t: rules.gaussian_nll(m, t, v), (ZEROS, ONES, ZEROS), 0.0),
    "safe_norm": (rules.safe_norm, (ZEROS,), 0.0),
    "safe_sqrt": (rules.safe_sqrt, (ZEROS,), 0.0),
    "safe_divide": (lambda d, n: rules.safe_divide(n, d), (ZEROS, ONES), 0.0),
    "safe_divide by a subnormal": (lambda d, n: rules.safe_divide(n, d), (2.0**-24 + ZEROS, ONES), -(2.0**48)),
    "triplet": (lambda p, a, n: rules.triplet(a, p, n), (ZEROS, ZEROS, ONES / 4), -0.5),
}  # fmt: skip
BY_ROW = {"cosine_distance", "safe_norm", "triplet"}


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.float32])
def test_at_zeros_a_cotangent_is_right_or_0_where_the_dtype_cannot_hold_its_slope(dtype):
    def bars(f, args):
        y, vjp = jax.vjp(f, *(jnp.asarray(a, dtype) for a in args))
        return vjp(jnp.asarray(SIGNS[:, :4] if y.ndim == 2 else np.ones(4), dtype))

    found = jax.jit(lambda: {name: bars(f, args) for name, (f, args, _) in AT_ZERO.items()})()
    for name, (_, _, slope) in AT_ZERO.items():
        assert all(np.isfinite(bar).all() for bar in found[name]), name
        held = abs(slope) <= float(jnp.finfo(dtype).max)
        signs = 1 if name in BY_ROW else SIGNS[:, :4]
        np.testing.assert_allclose(
            found[name][0].astype(jnp.float64),
            held * slope * signs + ZEROS,
            rtol=float(jnp.finfo(dtype).eps),
            err_msg=name,
        )
