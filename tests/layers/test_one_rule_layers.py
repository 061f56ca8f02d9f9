"""Layers of one rule draw parameters of the right shapes, call their rule, and say what does not fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close

pytestmark = pytest.mark.slow

KEY = jax.random.key(0)
X = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)))
IMAGES = jnp.ones((4, 3, 5, 6))


def shapes(params):
    return jax.tree.map(lambda a: a.shape, params)


@pytest.mark.parametrize("dtype", [jnp.float64, jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize(
    ("layer", "expected", "rule"),
    [
        (
            fn.scale_shift(),
            {"scale": (3,), "shift": (3,)},
            lambda x, p: fn.rules.scale_shift(x, p["scale"], p["shift"]),
        ),
        (fn.scale_shift(scale=False), {"shift": (3,)}, lambda x, p: fn.rules.scale_shift(x, None, p["shift"])),
        (fn.scale_shift(shift=False), {"scale": (3,)}, lambda x, p: fn.rules.scale_shift(x, p["scale"])),
        (fn.einsum("...d,dhk->...hk", (3, 2, 5)), {"w": (3, 2, 5)}, lambda x, p: jnp.tensordot(x, p["w"], 1)),
        (
            fn.mlp(5),
            {"w_in": (3, 5), "w_out": (5, 3), "b_in": (5,), "b_out": (3,)},
            lambda x, p: fn.rules.mlp(x, p["w_in"], p["w_out"], p["b_in"], p["b_out"], fn.gelu),
        ),
        (
            fn.mlp(5, bias=False, tile=2, activation=fn.relu),
            {"w_in": (3, 5), "w_out": (5, 3)},
            lambda x, p: fn.rules.mlp(x, p["w_in"], p["w_out"], activation=fn.relu),
        ),
        (
            fn.gated_mlp(5),
            {"w_gate": (3, 5), "w_up": (3, 5), "w_down": (5, 3)},
            lambda x, p: fn.rules.gated_mlp(x, p["w_gate"], p["w_up"], p["w_down"], fn.silu),
        ),
        (fn.prelu(), {"a": ()}, lambda x, p: fn.rules.prelu(x, p["a"])),
        (fn.prelu(per_feature=True), {"a": (3,)}, lambda x, p: fn.rules.prelu(x, p["a"])),
        (fn.snake(), {"alpha": (3,)}, lambda x, p: fn.rules.snake(x, p["alpha"])),
        (fn.snake(per_feature=False), {"alpha": ()}, lambda x, p: fn.rules.snake(x, p["alpha"])),
    ],
)
def test_a_layer_is_its_rule(layer, expected, rule, dtype):
    x = X.astype(dtype)
    params = layer.init(KEY, x)
    assert shapes(params) == expected
    assert all(a.dtype == dtype for a in jax.tree.leaves(params))
    assert_close(layer.apply(params, x), rule(x, params), 1e-15 if dtype == jnp.float64 else 1e-2)


def test_bilinear():
    pair = X, jnp.ones((4, 5))
    layer = fn.bilinear(2)
    params = layer.init(KEY, pair)
    assert shapes(params) == {"w": (3, 5, 2), "b": (2,)}
    assert_close(layer.apply(params, pair), fn.rules.bilinear(*pair, params["w"], params["b"]), 0.0)
    assert shapes(fn.bilinear(2, bias=False).init(KEY, pair)) == {"w": (3, 5, 2)}
    with pytest.raises(TypeError, match=r"bilinear: x must be a pair \(x, z\), got float64\[4, 3\]"):
        layer.init(KEY, X)


def test_the_default_weight_of_einsum_counts_what_is_summed_as_inputs():
    w = fn.einsum("...d,dhk->...hk", (400, 3, 50)).init(KEY, jnp.ones((1, 400)))["w"]
    assert float(w.std()) == pytest.approx(400**-0.5, rel=0.02)
    w = fn.einsum("...hk,hkd->...d", (20, 20, 50)).init(KEY, jnp.ones((1, 20, 20)))["w"]
    assert float(w.std()) == pytest.approx(400**-0.5, rel=0.05)


def test_embedding():
    ids = jnp.array([[1, 0, 1], [2, 2, 6]])
    layer = fn.embedding(7, 4)
    params = layer.init(KEY, ids)
    assert params["table"].shape == (7, 4)
    assert params["table"].dtype == jnp.float32
    assert_close(layer.apply(params, ids), params["table"][ids], 0.0)
    with pytest.raises(ValueError, match="embedding: ids must be from 0 to 6, got 7"):
        layer.apply(params, jnp.array([1, 7]))
    assert np.isnan(jax.jit(layer.apply)(params, jnp.array([1, 7]))[1]).all()


def test_the_row_of_padding_is_0_and_stays_so():
    ids = jnp.array([[1, 0, 1], [2, 2, 6]])
    layer = fn.embedding(7, 4, padding_id=2)
    params = layer.init(KEY, ids)
    assert_close(params["table"], fn.embedding(7, 4).init(KEY, ids)["table"].at[2].set(0), 0.0)
    gradient = jax.grad(lambda params: layer.apply(params, ids).sum())(params)["table"]
    assert_close(gradient[:, 0], jnp.float32([1, 2, 0, 0, 0, 0, 1]), 0.0)


@pytest.mark.parametrize(
    ("layer", "together"), [(fn.dropout(0.5), ()), (fn.spatial_dropout(0.5), (1, 2)), (fn.drop_path(0.5), (1, 2, 3))]
)
def test_dropout_drops_what_belongs_together_and_only_while_training(layer, together):
    assert layer.init(KEY, IMAGES) == ()
    y = layer.apply((), IMAGES, key=KEY, training=True)
    assert set(np.unique(y)) == {0.0, 2.0}
    assert (np.ptp(y, axis=together) == 0).all()
    assert_close(layer.apply((), IMAGES, key=KEY), IMAGES, 0.0)
    assert_close(layer.apply((), IMAGES, key=KEY, training=True), y, 0.0)
    with pytest.raises(ValueError, match=r"key must be given while training: apply\(params, x, key="):
        layer.apply((), IMAGES, training=True)


def test_the_rate_is_the_part_that_is_dropped_and_the_mean_stays():
    y = fn.dropout(0.2).apply((), jnp.ones(100_000), key=KEY, training=True)
    assert float((y == 0).mean()) == pytest.approx(0.2, abs=0.01)
    assert float(y.mean()) == pytest.approx(1.0, abs=0.01)


def test_what_noise_would_not_take_in_training_is_said_without():
    with pytest.raises(TypeError, match="layer 0: drop_path: x must be a floating-point array, got dict"):
        fn.serial(fn.drop_path(0.5), lambda inputs: inputs["x"]).init(KEY, {"x": jnp.ones((2, 3))})


def test_gaussian_noise():
    layer = fn.gaussian_noise(0.3)
    y = layer.apply((), jnp.zeros(100_000), key=KEY, training=True)
    assert float(y.std()) == pytest.approx(0.3, rel=0.01)
    assert_close(layer.apply((), X), X, 0.0)


def test_dropout_trains_inside_a_model():
    model = fn.serial(fn.linear(8), fn.tanh, fn.dropout(0.5), fn.linear(1))
    params = model.init(KEY, X)
    loss = lambda params: jnp.sum(model.apply(params, X, key=KEY, training=True) ** 2)
    assert fn.verify.compare(loss, params).ok


BAD = [
    (lambda: fn.dropout(1.0), r"dropout: rate, the fraction that is dropped, must be from 0 to below 1, got 1.0"),
    (lambda: fn.drop_path(-0.1), "drop_path: rate"),
    (lambda: fn.spatial_dropout("half"), "spatial_dropout: rate"),
    (lambda: fn.gaussian_noise(-1.0), "gaussian_noise: stddev must be a number not below 0, got -1.0"),
    (lambda: fn.embedding(0, 4), "embedding: rows must be a positive int, got 0"),
    (lambda: fn.embedding(7, 4, padding_id=7), "embedding: padding_id must be an int from 0 to 6 or None, got 7"),
    (lambda: fn.einsum("...d,dh->...h", (3, 0)), "einsum: shape must be a positive int, got 0"),
    (
        lambda: fn.einsum("...d,dh", (3, 2)).init(KEY, X),
        "einsum: equation must be like '...d,dhk->...hk', got '...d,dh'",
    ),
    (lambda: fn.einsum("...d,dh->...h", (2,)).init(KEY, X), r"einsum: w must be of the sizes of .*, got float64\[2\]"),
    (lambda: fn.sinusoidal_positions(base=1.0), "sinusoidal_positions: base must be a number above 1, got 1.0"),
    (lambda: fn.bilinear(0), "bilinear: features must be a positive int, got 0"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_a_bad_call_says_what_was_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()
