"""Convolutions and pools are what JAX's own functions of these names give, strings for padding included."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from funcnn import rules
from funcnn.rules.spatial._pool import max_pool_reference
from tests.helpers.judge import assert_close

POOLS = rules.max_pool, rules.avg_pool


def normal(*shape):
    return jnp.asarray(np.random.default_rng(0).normal(size=shape))


@pytest.mark.slow
@pytest.mark.parametrize("padding", ["SAME", "VALID", ((3, 4),)])
def test_conv_transpose_is_that_of_lax(padding):
    for n, window, stride, dilation in itertools.product((1, 4), (1, 2, 3), (1, 2, 5), (1, 2)):
        x, w = normal(2, n, 3), normal(window, 3, 4)
        expected = jax.lax.conv_transpose(x, w, (stride,), padding, rhs_dilation=(dilation,))
        f = jax.jit(lambda x, w, o=(stride, padding, dilation): rules.conv_transpose(x, w, None, *o))
        assert_close(f(x, w), expected, 1e-12)


def test_conv_transpose_is_the_transpose_of_conv():
    x, y, w = normal(2, 9, 7, 4), normal(2, 5, 3, 6), normal(3, 2, 2, 6)
    options = {"stride": 2, "groups": 2}
    moved = rules.conv(x, w, None, padding=((1, 1), (0, 0)), **options)
    back = jnp.flip(w, (0, 1)).reshape(3, 2, 2, 2, 3).swapaxes(2, 4).reshape(3, 2, 3, 4)
    returned = rules.conv_transpose(y, back, None, padding=((1, 1), (1, 2)), **options)
    assert_close(jnp.vdot(returned, x), jnp.vdot(y, moved), 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_pools_are_those_of_lax(padding):
    for window, stride in itertools.product((1, 2, 3), (1, 2, 4)):
        x = normal(2, 7, 6, 3)
        windows = ((1, window, window, 1), (1, stride, stride, 1), padding)
        pools = [jax.jit(partial(pool, window=window, stride=stride, padding=padding)) for pool in POOLS]
        expected = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, *windows)
        assert_close(pools[0](x), expected, 0.0)
        expected = jax.lax.reduce_window(x, 0.0, jax.lax.add, *windows)
        assert_close(pools[1](x), expected / window**2, 1e-12)


INDICES = [
    {"window": 2},
    {"window": (3, 2), "stride": (2, 1), "padding": "SAME", "dilation": (2, 1)},
    {"window": 2, "stride": 1, "padding": ((1, 1), (2, 0)), "dilation": 2},
    {"window": 1, "padding": ((1, 0), (0, 0))},
]


@pytest.mark.slow
@pytest.mark.parametrize("options", INDICES)
def test_indices_say_where_each_maximum_stands(options):
    x = normal(2, 7, 6, 3)
    found = jax.jit(partial(rules.max_pool, return_indices=True, **options))(x)
    expected = max_pool_reference(x, return_indices=True, **options)
    assert_close(found, expected, 0.0)
    rows, indices = np.asarray(x).reshape(2, -1, 3), np.asarray(found[1]).reshape(2, -1, 3)
    read = np.where(indices < 0, -np.inf, np.take_along_axis(rows, np.maximum(indices, 0), 1))
    np.testing.assert_array_equal(read.reshape(found[0].shape), found[0])


def test_indices_change_nothing_of_derivatives():
    x = normal(2, 7, 6, 3)
    plain = lambda x: rules.max_pool(x, 3, 1) ** 2
    pair = lambda x: rules.max_pool(x, 3, 1, return_indices=True)[0] ** 2
    sides = jax.jit(lambda x: [derivatives(f, x) for f in (plain, pair)])(x)
    assert_close(*sides, 0.0)


def derivatives(f, x):
    """The gradient of the sum, its tangent along x, and f's."""
    gradient = jax.grad(lambda x: f(x).sum())
    return gradient(x), jax.jvp(gradient, (x,), (x,))[1], jax.jvp(fn.forward(f), (x,), (x,))[1]


@pytest.mark.slow
def test_of_equal_entries_the_first_is_named_and_never_padding():
    x = jnp.full((1, 3, 1), -jnp.inf)
    assert_close(rules.max_pool(x, 2, 1, ((1, 1),), return_indices=True)[1][0, :, 0], jnp.int32([0, 0, 1, 2]), 0.0)
    x = jnp.array([1.0, jnp.nan, jnp.nan, 2.0]).reshape(1, 2, 2, 1)
    assert int(rules.max_pool(x, 2, return_indices=True)[1].item()) == 1


@pytest.mark.slow
def test_unpooled_the_maxima_stand_where_they_stood():
    x = normal(2, 7, 6, 3)
    y, indices = rules.max_pool(x, 3, 2, return_indices=True)
    again = rules.max_unpool(y, indices, (7, 6))
    assert_close(again, jnp.where(again == 0, 0, x), 0.0)
    assert_close(rules.max_pool(again, 3, 2), jnp.maximum(y, 0), 0.0)


@pytest.mark.slow
def test_a_window_of_more_than_256_entries():
    x = jnp.arange(-200.0, 300.0).reshape(1, 500, 1)
    y, pull = jax.vjp(jax.jit(lambda x: rules.max_pool(x, 300, 200)), x)
    assert_close(y, jnp.array([[[99.0], [299.0]]]), 0.0)
    assert_close(jnp.flatnonzero(pull(y)[0]), jnp.array([299, 499]), 0.0)


@pytest.mark.parametrize(("method", "theirs"), [("nearest", "nearest"), ("linear", "bilinear")])
def test_upsample_is_that_of_jax_image(method, theirs):
    x = normal(2, 5, 4, 3)
    expected = jax.image.resize(x, (2, 15, 8, 3), theirs)
    assert_close(rules.upsample(x, (3, 2), method), expected, 1e-12)


def test_adaptive_avg_pool_is_avg_pool_where_the_bins_divide_space():
    x = normal(2, 6, 9, 3)
    assert_close(rules.adaptive_avg_pool(x, 3), rules.avg_pool(x, (2, 3)), 1e-12)


def test_pixel_unshuffle_undoes_pixel_shuffle():
    x = normal(2, 3, 2, 12)
    assert_close(rules.pixel_unshuffle(rules.pixel_shuffle(x, (2, 3)), (2, 3)), x, 0.0)
