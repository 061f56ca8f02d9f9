"""The norm of each example's gradient, and the sum of clipped ones, are those of `jax.vmap(jax.grad)`, in less memory."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from funcnn.training.per_example import _gradients
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
KEY = jax.random.key(3)
IDS = jnp.array([[1, 1, 3, 9], [0, 0, 0, 0], [2, 5, 2, 5]])  # ids that come twice in an example


def rows(*shape):
    return jnp.asarray(RNG.normal(size=shape))


def twice(layer):
    return fn.shared(lambda f: fn.serial(f, fn.tanh, f, fn.linear(2)), layer)


def one_function():
    """The same layer, in a jitted function that is called once for each of two halves of the parameters."""
    layer = fn.linear(4)
    half = jax.jit(lambda params, x: fn.tanh(layer.apply(params, x)))
    both = lambda params, x, **_: half(params["b"], half(params["a"], x))
    return fn.Layer(lambda key, x: {"a": layer.init(key, x), "b": layer.init(key, x)}, both)


def own_rule():
    return fn.Layer(lambda key, x: jnp.full((1, x.shape[-1]), 1.5, x.dtype), lambda w, x, **_: own(w, x))


@jax.custom_vjp
def own(w, x):
    return own_fwd(w, x)[0]


def own_fwd(w, x):
    return w**3 * x, (w, x)


own.defvjp(own_fwd, lambda kept, g: (jnp.sum(3 * kept[0] ** 2 * kept[1] * g, 0, keepdims=True), kept[0] ** 3 * g))

CASES = {
    "rows": (fn.serial(fn.linear(9), fn.relu, fn.linear(3)), rows(5, 4)),
    "few positions, by Gram matrices": (fn.serial(fn.linear(19), fn.rms_norm(), fn.linear(33)), rows(5, 2, 14)),
    "many positions": (fn.serial(fn.linear(3), fn.layer_norm(), fn.residual(fn.linear(3))), rows(5, 7, 4)),
    "bilinear": (fn.serial(lambda x: (x, x), fn.bilinear(9)), rows(4, 2, 5)),
    "einsum": (fn.serial(fn.einsum("...d,dhk->...hk", (5, 6, 7)), fn.tanh), rows(4, 2, 5)),
    "ids that repeat": (fn.serial(fn.embedding(12, 8, padding_id=5), fn.linear(3)), IDS),
    "convolutions": (fn.serial(fn.conv(4, (3, 3)), fn.tanh, fn.depthwise_conv(1, (3, 3))), rows(3, 4, 4, 2)),
    "convolutions with few places": (fn.serial(fn.conv(32, (3, 3), stride=2), fn.tanh), rows(3, 4, 4, 8)),
    "transposed convolution": (fn.serial(fn.conv_transpose(5, (3, 3), stride=2), fn.group_norm(5)), rows(3, 4, 4, 2)),
    "a leaf an activation": (fn.serial(fn.linear(4), fn.prelu(), fn.snake(), fn.scale_shift()), rows(5, 3)),
    "repeated": (fn.repeat(fn.serial(fn.linear(6), fn.tanh), 3), rows(5, 6)),
    "recomputed": (fn.repeat(fn.serial(fn.linear(6), fn.tanh), 3, remat=True), rows(5, 6)),
    "shared": (twice(fn.linear(6)), rows(5, 6)),
    "in one jitted function twice": (one_function(), rows(5, 4)),
    "tied": (
        fn.shared(lambda f, out: fn.serial(f, out), fn.embedding(12, 8), lambda p, x: x @ p["table"].T),
        IDS,
    ),
    "noise": (fn.serial(fn.linear(9), fn.dropout(0.5), fn.linear(3)), rows(5, 4)),
    "functions of weights": (fn.serial(fn.weight_norm(fn.linear(9)), fn.spectral_norm(fn.linear(3))), rows(5, 4)),
    "a rule of one's own": (fn.serial(fn.linear(3), own_rule()), rows(5, 4)),
    "no parameters in rules": (fn.Layer(lambda key, x: rows(4, 3), lambda w, x, **_: jnp.tanh(x @ w)), rows(5, 4)),
}


def gradients(model, loss, params, batch, key=KEY):
    """Those of each example, formed."""

    def of_one(params, batch, key):
        inputs, *targets = jax.tree.map(lambda a: a[None], batch)
        return loss(model.apply(params, inputs, key=key, training=True), *targets)

    keys = jax.random.split(key, len(batch[0]))
    return jax.jit(jax.vmap(jax.grad(of_one), (None, 0, 0)))(params, batch, keys)


def norms_of(gradients):
    return jax.vmap(optax.tree.norm)(gradients)


def clipped_sum(model, loss, params, batch, clip, key=None):
    def objective(params, batch, key):
        inputs, *targets = batch
        return loss(model.apply(params, inputs, key=key, training=True), *targets)

    return _gradients.clipped_sum(objective, params, batch, key, clip)[0]


def batch_of(model, x):
    params = jax.tree.map(lambda a: a.astype(float), model.init(KEY, x))
    prediction = jax.eval_shape(lambda: model.apply(params, x, key=KEY, training=True))
    return params, (x, rows(*prediction.shape).astype(prediction.dtype))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_norms_and_clipped_sums(name):
    model, x = CASES[name]
    params, batch = batch_of(model, x)
    loss = fn.losses.squared_error

    @jax.jit
    def both(params):
        each = gradients(model, loss, params, batch)
        norms = norms_of(each)
        clip = jnp.median(norms)
        clipped = jax.tree.map(lambda g: jnp.tensordot(jnp.minimum(1, clip / norms), g, 1), each)
        ours = fn.example_gradient_norms(model, loss, params, batch, key=KEY)
        return (ours, clipped_sum(model, loss, params, batch, clip, KEY)), (norms, clipped)

    assert_close(*both(params), 1e-10)


@pytest.mark.slow
def test_half_precision_inside():
    model = fn.mixed(fn.serial(fn.linear(9), fn.tanh, fn.linear(3)))
    params, batch = batch_of(model, rows(5, 4))
    expected = norms_of(gradients(model, fn.losses.squared_error, params, batch))
    got = fn.example_gradient_norms(model, fn.losses.squared_error, params, batch)
    assert_close(got, expected, 1e-2)  # vmap's gradients are rounded to bfloat16, of 8 digits, before the norm


def test_what_mixes_examples_is_refused():
    model = fn.serial(body=fn.batch_norm())
    params, batch = batch_of(model, rows(5, 3))
    with pytest.raises(ValueError, match=r"^layer body: batch_norm mixes the examples of a batch"):
        fn.example_gradient_norms(model, fn.losses.squared_error, params, batch)
    plain = fn.serial(fn.linear(4))
    with pytest.raises(ValueError, match="info_nce mixes the examples"):
        fn.example_gradient_norms(plain, fn.losses.info_nce, plain.init(KEY, batch[0]), (batch[0], rows(5, 4)))


def test_a_batch_must_hold_examples():
    model = fn.linear(2)
    with pytest.raises(ValueError, match="batch must hold arrays with the examples along their first axes"):
        fn.example_gradient_norms(model, fn.losses.squared_error, {}, (rows(3, 2), rows(4, 2)))


def compiled(f, *args):
    return jax.jit(f).lower(*args).compile().memory_analysis()


@pytest.mark.slow
def test_memory():
    """For rows XLA forms no gradient that is only squared, but where gradients are returned, or made in a loop, it does."""
    loss = fn.losses.squared_error
    deep = fn.serial(fn.repeat(fn.serial(fn.linear(512), fn.tanh), 2), fn.linear(10))
    x = jax.ShapeDtypeStruct((256, 512), jnp.float32)
    params = jax.eval_shape(lambda: deep.init(KEY, x))
    batch = (x, jax.ShapeDtypeStruct((256, 10), jnp.float32))
    ours = compiled(lambda *args: fn.example_gradient_norms(deep, loss, *args), params, batch)
    theirs = compiled(lambda *args: norms_of(gradients(deep, loss, *args)), params, batch)
    assert ours.temp_size_in_bytes <= theirs.temp_size_in_bytes / 10

    flat = fn.serial(fn.linear(512), fn.tanh, fn.linear(512), fn.tanh, fn.linear(10))
    params = jax.eval_shape(lambda: flat.init(KEY, x))
    clipped = compiled(lambda *args: clipped_sum(flat, loss, *args, 1.0), params, batch)
    theirs = compiled(lambda *args: gradients(flat, loss, *args), params, batch)
    assert clipped.temp_size_in_bytes <= (theirs.temp_size_in_bytes + theirs.output_size_in_bytes) / 10
