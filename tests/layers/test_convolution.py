"""The convolution layers draw parameters of the right shapes and call their rule; pools stand in a network as they are."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close

KEY = jax.random.key(0)
X = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 4, 6)))


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.bfloat16])
def test_conv_transpose(dtype):
    x = X.astype(dtype)
    layer = fn.conv_transpose(4, (3, 2), stride=(2, 3), groups=2)
    params = layer.init(KEY, x)
    assert jax.tree.map(lambda a: (a.shape, a.dtype), params) == {"w": ((3, 2, 3, 4), dtype), "b": ((4,), dtype)}
    expected = fn.rules.conv_transpose(x, params["w"], params["b"], stride=(2, 3), groups=2)
    assert expected.shape == (2, 10, 12, 4)
    assert_close(layer.apply(params, x), expected, 0.0)


def test_depthwise_conv():
    layer = fn.depthwise_conv(2, 3, padding="VALID", bias=False)
    params = layer.init(KEY, X)
    assert jax.tree.map(jnp.shape, params) == {"w": (3, 3, 1, 12)}
    y = layer.apply(params, X)
    assert y.shape == (2, 3, 2, 12)
    for c in range(6):
        alone = fn.rules.conv(X[..., c : c + 1], params["w"][..., 2 * c : 2 * c + 2], padding="VALID")
        assert_close(y[..., 2 * c : 2 * c + 2], alone, 1e-12)


@pytest.mark.slow
def test_pools_are_layers_as_they_are():
    model = fn.serial(
        *(fn.conv(8, (3, 3)), fn.relu, partial(fn.max_pool, window=2)),
        *(fn.depthwise_conv(1, (3, 3)), fn.conv(5, (1, 1)), partial(fn.upsample, factor=2)),
        *(fn.global_avg_pool, fn.linear(3)),
    )
    params = model.init(KEY, X)
    assert model.apply(params, X).shape == (2, 3)


BAD = [
    (lambda: fn.conv_transpose(0, (3,)), ValueError, "conv_transpose: features must be a positive int, got 0"),
    (lambda: fn.conv_transpose(2, ()), ValueError, r"conv_transpose: window must have 1 to 3 sizes, .* got \(\)"),
    (
        lambda: fn.conv(2, 3).init(KEY, jnp.ones((5, 3))),
        ValueError,
        r"conv: x must have at least 3 axes, got .*\[5, 3\]",
    ),
    (lambda: fn.conv_transpose(2, (3, 3)).init(KEY, X[0]), ValueError, "conv_transpose: x must have at least 4 axes"),
    (lambda: fn.conv_transpose(4, (3, 3), groups=4).init(KEY, X), ValueError, "groups must divide the 6 channels of x"),
    (lambda: fn.depthwise_conv((3, 3), 2), ValueError, "depthwise_conv: multiplier must be a positive int"),
    (lambda: fn.depthwise_conv(1, (3, 0)), ValueError, "depthwise_conv: window must be a positive int, got 0"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_a_bad_call_says_what_was_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()
