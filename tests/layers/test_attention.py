"""Attention as a layer: the formula on its projections, its options, its stream, and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close
from tests.helpers.streamed import require_streams

KEY = jax.random.key(0)
X = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 8)))


def by_formula(params, x, heads, kv_heads, memory=None):
    """Causal attention to x, or attention to a memory, head by head."""
    memory, causal = (x, True) if memory is None else (memory, False)
    q, k, v = (
        (a @ params[f"w_{name}"]).reshape(*a.shape[:2], n, -1)
        for name, a, n in (("query", x, heads), ("key", memory, kv_heads), ("value", memory, kv_heads))
    )
    each = []
    for head in range(heads):
        of = head * kv_heads // heads
        scores = jnp.einsum("btd,bsd->bts", q[:, :, head], k[:, :, of]) * q.shape[-1] ** -0.5
        scores = jnp.where(jnp.tril(jnp.ones(scores.shape, bool)), scores, -jnp.inf) if causal else scores
        each.append(jax.nn.softmax(scores, -1) @ v[:, :, of])
    return jnp.concatenate(each, -1) @ params["w_out"]


@pytest.mark.slow
@pytest.mark.parametrize("kv_heads", [4, 2])
def test_attention_is_the_formula(kv_heads):
    layer = fn.attention(4, kv_heads=kv_heads, causal=True)
    params = layer.init(KEY, X)
    assert {name: a.shape for name, a in params.items()} == {
        "w_query": (8, 8),
        "w_key": (8, 2 * kv_heads),
        "w_value": (8, 2 * kv_heads),
        "w_out": (8, 8),
    }
    assert_close(layer.apply(params, X), by_formula(params, X, 4, kv_heads), 1e-12)


@pytest.mark.slow
def test_what_is_saved_is_saved_once():
    x, of_heads, lse = 2 * 5 * 8, 4 * 2 * 5 * 8, 2 * 5 * 4  # of_heads: queries, keys, values and what they become
    assert fn.summary(fn.attention(4), X).rows[0].saved_bytes == (x + of_heads + lse) * X.dtype.itemsize


@pytest.mark.slow
def test_attention_to_a_memory_is_the_formula():
    layer, memory = fn.attention(2, cross=True), jnp.cos(jnp.arange(2 * 3 * 6.0)).reshape(2, 3, 6)
    params = layer.init(KEY, {"x": X, "memory": memory})
    assert params["w_key"].shape == (6, 8)
    assert_close(layer.apply(params, {"x": X, "memory": memory}), by_formula(params, X, 2, 2, memory), 1e-12)


@pytest.mark.slow
def test_what_is_beyond_a_length_is_not_seen():
    layer = fn.attention(2, bias=True)
    params = layer.init(KEY, X)
    short = layer.apply(params, X[:, :3])
    assert_close(layer.apply(params, {"x": X, "lengths": jnp.array([3, 3])})[:, :3], short, 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"rope": True, "qk_norm": True, "bias": True},
        {"rope": {"base": 100.0}, "window": 2, "kv_heads": 1},
        {"window": 1},
        {"window": 6},
        {"window": 9, "softcap": 2.0, "head_dim": 3},
    ],
)
def test_streaming_is_the_whole(options):
    require_streams(fn.attention(2, causal=True, **options), X)


@pytest.mark.parametrize(("window", "kept"), [(1, 0), (3, 2), (6, 5), (7, 5), (4096, 5)])
def test_a_window_keeps_what_it_sees_and_at_most_all(window, kept):
    layer = fn.attention(2, causal=True, window=window)
    carry = fn.stream_of(layer).start(layer.init(KEY, X), X)
    assert carry["key"].shape == carry["value"].shape == (2, kept, 2, 4)


@pytest.mark.slow
@pytest.mark.parametrize("window", [None, 6])
def test_a_position_beyond_the_cache_is_said_or_nan(window):
    layer = fn.attention(2, causal=True, window=window)
    params = layer.init(KEY, X)
    start, step = fn.stream_of(layer)
    carry, _ = step(params, start(params, X[:, :4]), X[:, :3])
    with pytest.raises(ValueError, match=r"attention: a stream's x must end within the 4 positions .* that ends at 5"):
        step(params, carry, X[:, 3:])
    fits = step(params, carry, X[:, 3:], jnp.array([1, 0]))[1]  # what is beyond does not count
    y = jax.jit(step)(params, carry, X[:, 3:])[1]
    assert_close(y[:, 0], fits[:, 0], 1e-12)
    assert np.isnan(y[:, 1]).all()


MEMORY = jnp.asarray(np.random.default_rng(1).normal(size=(2, 3, 6)))
BESIDE = {"memory": MEMORY, "memory_lengths": jnp.array([3, 1])}


@pytest.mark.slow
@pytest.mark.parametrize("beside", [{"memory": MEMORY}, BESIDE])
def test_streaming_across_is_the_whole(beside):
    require_streams(fn.attention(2, cross=True, kv_heads=1, qk_norm=True, bias=True), X, beside=beside)


@pytest.mark.slow
def test_streaming_across_is_the_whole_in_a_stack():
    block = fn.transformer_block(fn.attention(2, causal=True), fn.mlp(4), cross=fn.attention(2, cross=True))
    require_streams(fn.transformer(block, 2), X, beside=BESIDE)


def test_a_memory_is_the_start_s_alone():
    layer = fn.attention(2, cross=True)
    params, (start, step) = layer.init(KEY, {"x": X} | BESIDE), fn.stream_of(layer)
    carry = start(params, {"x": X} | BESIDE)
    assert carry["key"].shape == (2, 3, 2, 4)
    with pytest.raises(ValueError, match=r"cannot stream: a stream takes x alone, got memory, x"):
        step(params, carry, {"x": X, "memory": MEMORY})
    with pytest.raises(
        ValueError, match=r"cannot stream: attention to a memory starts with its values, .* got memory ShapeDtypeStruct"
    ):
        start(params, jax.eval_shape(lambda: {"x": X, "memory": MEMORY}))
    with pytest.raises(ValueError, match=r"x must be a dict with memory and x"):
        start(params, X)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(0, 5, 8), (2, 0, 8)])
def test_a_sequence_without_examples_or_positions_has_an_empty_value(shape):
    layer, x = fn.attention(2, causal=True, rope=True, qk_norm=True), jnp.zeros(shape)
    params = layer.init(KEY, X)
    y, pull = jax.vjp(lambda params: layer.apply(params, x), params)
    assert y.shape == shape
    assert all(not g.any() for g in jax.tree.leaves(pull(y)))


def test_a_memory_without_positions_adds_nothing():
    layer = fn.attention(2, cross=True)
    given = {"x": X, "memory": MEMORY[:, :0]}
    assert not layer.apply(layer.init(KEY, given), given).any()


def test_what_sees_later_positions_cannot_stream():
    with pytest.raises(ValueError, match="cannot stream: "):
        fn.stream_of(fn.attention(2)).start({}, X)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fn.attention(4, kv_heads=3), "attention: heads must be a multiple of kv_heads, got 4 and 3"),
        (lambda: fn.attention(0), "attention: heads must be a positive int, got 0"),
        (lambda: fn.attention(2, window=0), "attention: window must be a positive int, got 0"),
        (
            lambda: fn.attention(2, dropout=1.0),
            "attention: dropout, the fraction .*, must be from 0 to below 1, got 1.0",
        ),
        (lambda: fn.attention(2, cross=True, causal=True), "causal, window and rope are not for cross"),
        (lambda: fn.attention(3).init(KEY, X), "attention: heads must divide x's 8 features, got 3"),
        (lambda: fn.attention(2).init(KEY, {"x": X, "mask": X}), "no other entries than lengths, .*, got mask, x"),
        (
            lambda: fn.attention(2).init(KEY, {"x": X, 3: X}),
            "attention: x must be an array, or a dict .*, got 3, x",
        ),
        (lambda: fn.attention(2, cross=True).init(KEY, X), "x must be a dict with memory and x, .*, got x"),
        (
            lambda: fn.attention(2, head_dim=3, rope=True).init(KEY, X),
            "fraction · dim must be even, got 3 of 3 features",
        ),
        (lambda: fn.attention(2, causal=1), "attention: causal must be True or False, got 1"),
        (lambda: fn.attention(2, softcap=-1.0), "attention: softcap must be a number above 0, and finite, got -1.0"),
        (
            lambda: fn.attention(2).init(KEY, X[0]),
            r"attention: x must be \[batch, positions, features\], got float64\[5, 8\]",
        ),
        (lambda: fn.attention(2, rope=3.0), "attention: rope must be a bool or a dict of options, got 3.0"),
        (
            lambda: fn.attention(2).init(KEY, {"x": X, "lengths": jnp.array([3])}),
            r"attention: lengths must be integers \[2\], got int64\[1\]",
        ),
        (
            lambda: fn.attention(2, cross=True).init(KEY, {"x": X, "memory": X, "memory_lengths": [3, 5]}),
            r"attention: memory_lengths must be integers \[2\], got a list: jnp.asarray",
        ),
    ],
)
def test_a_bad_option_says_what_was_wrong(make, message):
    with pytest.raises((TypeError, ValueError), match=message):
        make()


def test_dropout_needs_a_key_while_training():
    layer = fn.attention(2, dropout=0.5)
    params = layer.init(KEY, X)
    with pytest.raises(ValueError, match="attention: key must be given while training"):
        layer.apply(params, X, training=True)
