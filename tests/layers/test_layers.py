"""Layers draw parameters of the right shapes and dtypes, call their rule, and say what does not fit."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close

KEY = jax.random.key(0)
X = jnp.ones((4, 3))


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32, jnp.bfloat16])
def test_linear(dtype):
    x = X.astype(dtype)
    layer = fn.linear(2)
    params = layer.init(KEY, x)
    assert jax.tree.map(lambda a: (a.shape, a.dtype), params) == {"w": ((3, 2), dtype), "b": ((2,), dtype)}
    assert_close(layer.apply(params, x), fn.rules.linear(x, params["w"], params["b"]), 0.0)
    row = {"w": params["w"], "b": params["b"][None]}
    assert_close(layer.apply(row, x), layer.apply(params, x), 0.0)


def test_linear_without_bias_and_with_the_texts_normal_draw():
    normal = fn.initializers.normal(1.0)
    params = fn.linear(500, bias=False, w_init=normal).init(KEY, jnp.ones((1, 400)))
    assert set(params) == {"w"}
    assert float(params["w"].std()) == pytest.approx(1.0, rel=0.02)
    params = fn.linear(500, w_init=normal, b_init=normal).init(KEY, jnp.ones((1, 400)))
    assert float(params["b"].std()) == pytest.approx(1.0, rel=0.2)


def test_conv():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 9, 8, 4)))
    layer = fn.conv(6, (3, 2), stride=(2, 1), groups=2)
    params = layer.init(KEY, x)
    assert params["w"].shape == (3, 2, 2, 6)
    assert_close(layer.apply(params, x), fn.rules.conv(x, params["w"], params["b"], stride=(2, 1), groups=2), 0.0)
    assert set(fn.conv(6, (3, 3), bias=False).init(KEY, x)) == {"w"}


def test_flatten():
    assert fn.flatten(jnp.ones((2, 3, 4))).shape == (2, 12)
    assert fn.flatten(jnp.ones((0, 3, 4))).shape == (0, 12)
    assert fn.flatten(jnp.ones(5)).shape == (5, 1)


BAD = [
    (lambda: fn.linear(0), ValueError, "linear: features must be a positive int, got 0"),
    (lambda: fn.linear(2.0), ValueError, "linear: features must be a positive int, got 2.0"),
    (lambda: fn.linear(True), ValueError, "linear: features must be a positive int, got True"),
    (lambda: fn.linear(2).init(KEY, X.astype(int)), TypeError, r"linear: x must be a floating-point array, got int64"),
    (lambda: fn.linear(2).init(KEY, np.array(["a"])), TypeError, r"linear: x must be a floating-point array, got <U1"),
    (
        lambda: fn.linear(2).init(KEY, np.array([None])),
        TypeError,
        r"linear: x must be a floating-point array, got object",
    ),
    (lambda: fn.linear(2).init(KEY, [[1.0]]), TypeError, "linear: x must be an array, got list"),
    (lambda: fn.linear(2).init(KEY, jnp.ones(())), ValueError, "linear: x must have at least 1 axes"),
    (lambda: fn.linear(2).init(0, X), TypeError, "key must be a jax.random.key, got 0"),
    (lambda: fn.conv(2, 3).init(KEY, {"x": X}), TypeError, "conv: x must be an array, got dict"),
    (lambda: fn.conv_transpose(2, 3).init(KEY, [X]), TypeError, "conv_transpose: x must be an array, got list"),
    (lambda: fn.depthwise_conv(2, 3).init(KEY, {"x": X}), TypeError, "depthwise_conv: x must be an array, got dict"),
    (
        lambda: fn.depthwise_conv(2, 3).apply({"w": jnp.ones((3, 1, 6))}, {"x": X}),
        TypeError,
        "conv: x must be a floating-point array, got dict",
    ),
    (lambda: fn.rnn(2).apply({}, [X]), TypeError, "rnn: x must be an array, got list"),
    (lambda: fn.gru(2).apply({}, {"x": 3}), TypeError, "gru: x must be an array, got int"),
    (lambda: fn.flatten({"x": X}), TypeError, "flatten: x must be an array, got dict"),
    (
        lambda: fn.sinusoidal_positions().apply((), jnp.ones((2, 5, 3))),
        ValueError,
        "sinusoidal_positions: x must have an even number of features, got 3",
    ),
    (lambda: fn.sinusoidal_positions().apply((), X), ValueError, "sinusoidal_positions: x must have at least 3 axes"),
    (lambda: fn.sinusoidal_positions().apply((), [X]), TypeError, "sinusoidal_positions: x must be an array, got list"),
    (
        lambda: fn.learned_positions(8).apply({"table": jnp.ones((8, 4))}, jnp.ones((2, 5, 3))),
        ValueError,
        "learned_positions: x must have 4 features, as the table has, got 3",
    ),
    (lambda: fn.conv(2, 3.0), ValueError, "conv: window must be a positive int, got 3.0"),
    (lambda: fn.conv(2, (3, 0)), ValueError, "conv: window must be a positive int, got 0"),
    (lambda: fn.conv(2, (3, 3)).init(KEY, X), ValueError, "conv: x must have at least 4 axes"),
    (
        lambda: fn.conv(2, (3,), groups=2).init(KEY, jnp.ones((1, 5, 3))),
        ValueError,
        "groups must divide the 3 channels",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_a_bad_call_says_what_was_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()


def boolean_options():
    """Each constructor of a layer or combinator with each of its options that is True or False."""
    for constructor in vars(fn).values():
        if not inspect.isfunction(constructor) or inspect.signature(constructor).return_annotation is not fn.Layer:
            continue
        if constructor.__module__.startswith("funcnn.models"):
            continue
        for option in inspect.signature(constructor).parameters.values():
            if option.annotation is bool:
                yield pytest.param(constructor, option.name, id=f"{constructor.__name__}-{option.name}")


def made(constructor, **options):
    given = inspect.signature(constructor).parameters.values()
    needed = [fn.tanh if p.name == "layer" else 2 for p in given if p.default is p.empty]
    return constructor(*needed, **options)


@pytest.mark.parametrize(("constructor", "option"), [*boolean_options()])
def test_a_boolean_option_takes_no_other_value(constructor, option):
    for value in (1, "False", None, np.ones(1)):
        with pytest.raises(TypeError, match=f"^{constructor.__name__}: {option} must be True or False, got "):
            made(constructor, **{option: value})
    assert made(constructor, **{option: np.bool_(False)})


def test_boolean_options_of_layers_are_found():
    assert len(list(boolean_options())) > 20
