"""Streaming equals the whole, however a sequence is cut: every layer and combinator, and those that say they cannot."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from tests.helpers.streamed import require_streams, running_mean

X = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 4)))
IDS = jnp.array([[1, 2, 0, 4, 3], [0, 0, 2, 1, 3]])
BLOCK = fn.serial(fn.linear(4), running_mean(), fn.tanh)
CAUSAL = fn.conv(3, 3, padding=((4, 0),), dilation=2, groups=1)

STREAMS = {
    "a plain function": (fn.silu, X),
    "a function with options": (partial(fn.softmax, axis=-1), X),
    "linear": (fn.linear(3), X),
    "embedding": (fn.embedding(5, 3), IDS),
    "bilinear": (fn.bilinear(2), (X, X[..., :3])),
    "einsum": (fn.einsum("...d,dhk->...hk", (4, 2, 3)), X),
    "scale_shift": (fn.scale_shift(), X),
    "prelu": (fn.prelu(), X),
    "layer_norm": (fn.layer_norm(), X),
    "rms_norm": (fn.rms_norm(), X),
    "dropout": (fn.dropout(0.5), X),
    "a causal convolution": (CAUSAL, X),
    "one with a window of 1": (fn.conv(2, 1, padding="VALID"), X),
    "one over time and space": (fn.conv(2, (2, 3), padding=((1, 0), (1, 1)), stride=(1, 2)), X[..., None]),
    "depthwise_conv": (fn.depthwise_conv(2, 2, padding=((1, 0),)), X),
    "weight_norm": (fn.weight_norm(CAUSAL), X),
    "spectral_norm": (fn.spectral_norm(CAUSAL), X),
    "running mean": (running_mean(), X),
    "serial": (fn.serial(fn.embedding(5, 4, dtype=X.dtype), running_mean(), fn.relu, CAUSAL), IDS),
    "serial, named": (fn.serial(mean=running_mean(), out=fn.linear(2)), X),
    "serial of nothing": (fn.serial(), X),
    "parallel": (fn.parallel(a=running_mean(), b=fn.linear(2)), X),
    "branches": (fn.serial(lambda x: (x, 2 * x), fn.branches(running_mean(), CAUSAL)), X),
    "residual": (fn.residual(BLOCK), X),
    "repeat": (fn.repeat(fn.residual(BLOCK), 3), X),
    "repeat without parameters": (fn.repeat(running_mean(), 2), X),
    "remat": (fn.remat(BLOCK), X),
    "shared": (fn.shared(lambda f, back: fn.serial(f, running_mean(), f, back), BLOCK, lambda p, x: x @ p[0]["w"]), X),
    "shared in a loop": (fn.shared(lambda f: fn.repeat(fn.residual(f), 2), BLOCK), X),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STREAMS)
def test_streaming_equals_the_whole(name):
    require_streams(*STREAMS[name])


@pytest.mark.slow
def test_streaming_equals_the_whole_in_another_dtype():
    require_streams(fn.mixed(BLOCK, jnp.float32), X, 1e-6)
    assert (
        fn.stream_of(fn.mixed(BLOCK)).start(fn.mixed(BLOCK).init(jax.random.key(0), X), X)[1][0].dtype == jnp.bfloat16
    )


WRONG = {
    "a carry that is forgotten": fn.Layer(lambda key, x: (), running_mean().apply),
    "lengths that are forgotten": running_mean()._replace(stream=fn.Stream(
        running_mean().stream.start, lambda params, carry, x, lengths=None: running_mean().stream.step(params, carry, x))),
    "a softmax over time": partial(fn.softmax, axis=1),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_the_law_is_noticed_where_it_is_broken(name):
    with pytest.raises(AssertionError):
        require_streams(WRONG[name], X)


CANNOT = [
    (
        fn.serial(a=fn.linear(4), b=fn.serial(fn.flatten)),
        r"layer b.0: cannot stream: .* axes \[2, 5\], got float64\[2, 20\]",
    ),
    (fn.serial(partial(jnp.mean, axis=1)), r"layer 0: cannot stream: .*, got float64\[2, 4\]"),
    (fn.serial(fn.global_avg_pool), "layer 0: cannot stream"),
    (fn.repeat(fn.residual(fn.serial(fn.group_norm(2))), 2), "layer 0: cannot stream: group_norm's mean is over all"),
    (
        fn.remat(fn.serial(fn.linear(4), fn.conv(4, 3))),
        r"layer 1: .* padding \(2, 0\), .* got stride 1 and padding \(1, 1\)",
    ),
    (fn.conv(4, 2, stride=2, padding=((1, 0),)), "stride 1 and padding .* got stride 2"),
    (fn.conv_transpose(4, 2), "conv_transpose has no causal form"),
    (fn.einsum("btd,ts->bsd", (5, 5)), r"einsum's 'btd,ts->bsd' contracts or moves the axes \[batch, positions\]"),
    (fn.einsum("...td,ts->...sd", (5, 5)), "einsum's"),
    (fn.instance_norm(), "instance_norm's mean is over all positions"),
]


@pytest.mark.parametrize(("layer", "message"), CANNOT)
def test_what_cannot_stream_says_so_and_where(layer, message):
    like = jnp.ones((2, 5, 2, 4)) if "instance" in message else X
    params = jax.eval_shape(layer.init, jax.random.key(0), like)
    with pytest.raises(ValueError, match=message):
        fn.stream_of(layer).start(params, like)


@pytest.mark.slow
def test_a_part_may_have_no_positions():
    for layer in (CAUSAL, fn.conv(2, 1, padding="VALID")):
        params = layer.init(jax.random.key(0), X)
        start, step = fn.stream_of(layer)
        kept, y = step(params, start(params, X), X[:, :0])
        assert y.shape == layer.apply(params, X)[:, :0].shape
        assert jnp.array_equal(kept, start(params, X))


ATTENTION = fn.attention(2, causal=True)
LENGTHS = "lengths must be integers, one for each of 2 rows, got"
BAD = [
    (
        CAUSAL,
        X[:1],
        None,
        r"^conv: x must be \[2, positions, 4\], got float64\[1, 5, 4\]",
    ),
    (CAUSAL, X[..., :3], None, r"^conv: x must be .*, got float64\[2, 5, 3\]"),
    (CAUSAL, X[:, 0], None, r"^conv: x must be .*, got float64\[2, 4\]"),
    (CAUSAL, X, jnp.array([1, 2, 3]), rf"^{LENGTHS} int64\[3\]"),
    (CAUSAL, X, [1, 2], f"^{LENGTHS} a list"),
    (ATTENTION, X, [1, 2], f"^{LENGTHS} a list"),
    (ATTENTION, X, jnp.ones(2), rf"^{LENGTHS} float64\[2\]"),
    (fn.sinusoidal_positions(), X, jnp.array([1, 2, 3]), rf"^{LENGTHS} int64\[3\]"),
]


@pytest.mark.parametrize(("layer", "x", "lengths", "message"), BAD)
def test_a_part_that_does_not_fit_is_said(layer, x, lengths, message):
    params = layer.init(jax.random.key(0), X)
    start, step = fn.stream_of(layer)
    with pytest.raises((TypeError, ValueError), match=message):
        step(params, start(params, X), x, lengths)


@pytest.mark.parametrize("model", [fn.serial(fn.relu, CAUSAL), fn.parallel(fn.relu, CAUSAL)])
def test_a_value_is_no_carry(model):
    params = model.init(jax.random.key(0), X)
    with pytest.raises(
        ValueError, match=r"carry must be a tuple of 2, as start and step return it, got float64\[2, 5, 4\]"
    ):
        fn.stream_of(model).step(params, X, X)
