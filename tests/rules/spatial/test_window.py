"""Convolutions and pools are what JAX's own functions of these names give, strings for padding included."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn import rules
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
