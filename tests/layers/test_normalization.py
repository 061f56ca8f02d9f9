"""Normalisation layers start as the bare normalisation, call their rule, and say what does not fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from funcnn import rules
from tests.helpers.judge import assert_close

pytestmark = pytest.mark.slow

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(4, 5, 6)) * 2 + 1)


def drawn(params):
    """Other numbers in place of ones and zeros."""
    return jax.tree.map(lambda a: jnp.asarray(RNG.uniform(0.5, 2.0, size=a.shape), a.dtype), params)


LAYERS = {
    "layer_norm": (fn.layer_norm(eps=0.1), lambda p, x: rules.layer_norm(x, p["scale"], p["shift"], 0.1)),
    "rms_norm": (fn.rms_norm(eps=0.1), lambda p, x: rules.rms_norm(x, p["scale"], 0.1)),
    "batch_norm": (
        fn.batch_norm(eps=0.1),
        lambda p, x: rules.batch_norm_inference(x, p["mean"], p["variance"], p["scale"], p["shift"], 0.1),
    ),
    "group_norm": (fn.group_norm(3, eps=0.1), lambda p, x: rules.group_norm(x, p["scale"], p["shift"], 3, 0.1)),
    "instance_norm": (
        fn.instance_norm(eps=0.1, scale=True, shift=True),
        lambda p, x: rules.instance_norm(x, p["scale"], p["shift"], 0.1),
    ),
}
BARE = {
    "layer_norm": (fn.layer_norm(scale=False, shift=False), rules.layer_norm),
    "layer_norm, scale": (fn.layer_norm(shift=False), rules.layer_norm),
    "rms_norm": (fn.rms_norm(scale=False), rules.rms_norm),
    "group_norm": (fn.group_norm(2, scale=False, shift=False), lambda x: rules.group_norm(x, None, None, 2)),
    "instance_norm": (fn.instance_norm(), rules.instance_norm),
}


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("name", LAYERS)
def test_it_is_its_rule(name, dtype):
    layer, rule = LAYERS[name]
    x = X.astype(dtype)
    params = layer.init(KEY, x)
    assert all(a.shape == (6,) and a.dtype == dtype for a in params.values())
    params = drawn(params)
    assert_close(layer.apply(params, x), rule(params, x), 0.0)


@pytest.mark.filterwarnings("ignore:batch_norm was never calibrated")
@pytest.mark.parametrize("name", LAYERS | BARE)
def test_it_starts_without_scale_and_shift(name):
    layer, rule = BARE[name] if name in BARE else (fn.batch_norm(), lambda x: x / (1 + 1e-5) ** 0.5)
    params = layer.init(KEY, jax.ShapeDtypeStruct(X.shape, X.dtype))
    assert_close(layer.apply(params, X), rule(X), 1e-15)


def test_batch_norm_in_training_uses_the_batchs_own_statistics():
    layer = fn.batch_norm()
    params = drawn(layer.init(KEY, X))
    assert set(params) == {"scale", "shift", "mean", "variance"}
    apply = lambda params: layer.apply(params, X, training=True)
    assert_close(apply(params), rules.batch_norm(X, params["scale"], params["shift"]), 0.0)
    grads = jax.grad(lambda params: jnp.sum(apply(params) ** 2))(params)
    assert not grads["mean"].any()
    assert not grads["variance"].any()


@pytest.mark.parametrize("layer", [fn.linear(3), fn.linear(3, bias=False), fn.conv(4, (3,))])
def test_a_weight_with_a_length_and_a_direction_is_the_layer_at_first(layer):
    normalised = fn.weight_norm(layer)
    params = normalised.init(KEY, X)
    plain = layer.init(KEY, X)
    assert params.keys() - plain.keys() == {"v", "g"}
    assert_close(normalised.apply(params, X), layer.apply(plain, X), 1e-14)
    longer = params | {"g": 2 * params["g"]}
    assert_close(normalised.apply(longer, X), layer.apply(plain | {"w": 2 * plain["w"]}, X), 1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("layer", [fn.linear(3), fn.linear(3, bias=False), fn.conv(4, (3,))])
def test_a_spectrally_normalised_weight_has_largest_singular_value_1(layer):
    normalised = fn.spectral_norm(layer, iterations=300)
    params = normalised.init(KEY, X)
    assert params["u"].shape == params["w"].shape[-1:]
    w = params["w"].reshape(-1, params["w"].shape[-1])
    plain = {name: a for name, a in params.items() if name != "u"}
    expected = layer.apply(plain | {"w": params["w"] / jnp.linalg.norm(w, 2)}, X)
    assert_close(normalised.apply(params, X), expected, 1e-12)
    grads = jax.grad(lambda params: jnp.sum(normalised.apply(params, X) ** 2))(params)
    assert not grads["u"].any()
    assert grads["w"].any()


BAD = [
    (lambda: fn.layer_norm().init(KEY, jnp.ones(3, int)), TypeError, "layer_norm: x must be a floating-point array, got"),
    (lambda: fn.batch_norm().init(KEY, jnp.ones(3)), ValueError, "batch_norm: x must have at least 2 axes"),
    (lambda: fn.instance_norm().init(KEY, jnp.ones((3, 4))), ValueError, "instance_norm: x must have at least 3 axes"),
    (lambda: fn.group_norm(0), ValueError, "group_norm: groups must be a positive int, got 0"),
    (lambda: fn.group_norm(X), TypeError, "group_norm: groups must be a positive int, got an array"),
    (lambda: fn.group_norm(4).init(KEY, X), ValueError, "group_norm: groups must divide the 6 channels of x, got 4"),
    (lambda: fn.weight_norm(fn.tanh).init(KEY, X), TypeError, r"weight_norm: the layer must have a parameter 'w', got"),
    (lambda: fn.spectral_norm(fn.layer_norm()).init(KEY, X), TypeError, "spectral_norm: the layer must have a parameter"),
    (lambda: fn.spectral_norm(fn.linear(2), iterations=0), ValueError, "iterations must be a positive int, got 0"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_a_bad_call_says_what_was_wrong(call, error, message):
    with pytest.raises(error, match=message):
        call()
