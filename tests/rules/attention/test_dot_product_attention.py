"""Attention by tiles: every option against the formula, whatever the blocks, and what is left out is never computed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from funcnn.rules import dot_product_attention
from funcnn.rules.attention import _arguments
from funcnn.rules.attention._dot_product_attention import dot_product_attention_reference
from funcnn.rules.attention._mask import Options, tiles
from funcnn.verify.programs._evaluate import equations
from tests.helpers.judge import assert_close

B, T, S, N, K, H, V = 2, 7, 9, 4, 2, 3, 5
RNG = np.random.default_rng(15)
SEGMENTS = tuple(jnp.asarray(RNG.integers(0, 2, (B, n)), jnp.int32) for n in (T, S))
LENGTHS = {"query_seq_lengths": jnp.array([5, 0]), "key_value_seq_lengths": jnp.array([9, 4])}
DROPOUT = {"dropout_rate": 0.3, "dropout_key": jax.random.key(3)}


def normal(*shape):
    return jnp.asarray(RNG.normal(size=shape))


def some(*shape):
    return jnp.asarray(RNG.random(shape) > 0.4)


QUERY, KEY, VALUE = normal(B, T, N, H), normal(B, S, K, H), normal(B, S, K, V)
BARS = normal(B, T, N, V), normal(B, T, N)
CASES = {
    "causal, bias of all, dropout": {"is_causal": True, "bias": normal(B, N, T, S), **DROPOUT},
    "window, lengths, bias of heads": {"local_window_size": (2, 1), **LENGTHS, "bias": normal(N, 1, S), "softcap": 1.5},
    "causal window, an offset, sinks": {"is_causal": True, "local_window_size": 2, "q_offset": -3, "sinks": normal(N)},
    "offsets, alibi, no keys": {
        "q_offset": jnp.array([2, -3]),
        "is_causal": True,
        "alibi": normal(N),
        "key_value_seq_lengths": jnp.array([6, 0]),
    },
    "mask of all, a wide window": {"mask": some(B, 1, T, S), "local_window_size": 100, "scale": 0.3},
    "all": {
        "bias": normal(B, 1, T, S),
        "mask": some(1, N, 1, S),
        "softcap": 2.0,
        "sinks": normal(N),
        "alibi": normal(N),
        "is_causal": True,
        "q_offset": jnp.array([1, 4]),
        "local_window_size": (4, 2),
        "segment_ids": SEGMENTS,
        "query_seq_lengths": jnp.array([7, 6]),
        **DROPOUT,
    },
}
FLOATING = ("bias", "sinks", "alibi")


def by_blocks(block, monkeypatch):
    monkeypatch.setattr(_arguments, "_block", lambda *shapes: block)


def value_and_bars(f, options):
    """y, lse where it is not -inf, where it is, and the cotangents of all floating arguments."""
    floats = {"query": QUERY, "key": KEY, "value": VALUE} | {a: options[a] for a in FLOATING if a in options}
    others = {a: value for a, value in options.items() if a not in FLOATING}
    (y, lse), pull = jax.vjp(lambda floats: f(**floats, **others, return_residual=True), floats)
    nothing = jnp.isneginf(lse)
    return y, jnp.where(nothing, 0, lse), nothing, pull((BARS[0], jnp.where(nothing, 0, BARS[1])))


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_option_equals_the_formula_whatever_the_blocks(name, monkeypatch):
    by_blocks((2, 3), monkeypatch)
    both = jax.jit(
        lambda: [value_and_bars(f, CASES[name]) for f in (dot_product_attention, dot_product_attention_reference)]
    )
    assert_close(*both(), 1e-11)


@pytest.mark.slow
def test_options_mean_what_they_mean_in_jax():
    mask = some(B, 1, T, S).at[..., 0].set(True)  # where there is no key jax.nn averages all of them
    options = {"bias": normal(1, N, T, S), "mask": mask, "is_causal": True, "local_window_size": (S, 1), "scale": 0.7}
    options |= {"query_seq_lengths": jnp.array([5, 7], "int32"), "key_value_seq_lengths": jnp.array([9, 4], "int32")}
    value = VALUE[..., :H]
    ours = dot_product_attention(QUERY, KEY, value, **options)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        theirs = jax.nn.dot_product_attention(QUERY, KEY, value, **options)
    assert_close(ours, theirs, 1e-6)


def test_numbers_and_truth_values_of_numpy_and_jax_are_taken_as_jax_takes_them():
    expected = dot_product_attention(QUERY, KEY, VALUE, scale=0.5, is_causal=True)
    for scale in (np.float32(0.5), jnp.asarray(0.5)):
        assert_close(dot_product_attention(QUERY, KEY, VALUE, scale=scale, is_causal=np.True_), expected, 0.0)
    with pytest.raises(TypeError, match=r"scale must be a number, got float64\[\]"):
        jax.eval_shape(lambda scale: dot_product_attention(QUERY, KEY, VALUE, scale=scale), 0.5)


@pytest.mark.slow
def test_dropout_is_the_same_whatever_the_blocks(monkeypatch):
    found = []
    for block in ((2, 3), (7, 9)):
        by_blocks(block, monkeypatch)
        found.append(dot_product_attention(QUERY, KEY, VALUE, **DROPOUT))
    assert_close(*found, 1e-14)


def test_a_rate_of_0_needs_no_key_and_takes_any():
    assert_close(*(dot_product_attention(QUERY, KEY, VALUE, dropout_key=key) for key in (None, jax.random.key(0))), 0.0)


def count(queries, keys, window=None, causal=False, offset=0, anywhere=False):
    """How many tiles of 8 by 8 are taken."""
    options = Options(1.0, causal, window, None, offset, 0.0, (8, 8))
    return len(tiles(queries, keys, options, anywhere)[0])


def test_only_tiles_in_which_a_query_sees_a_key_are_taken():
    assert count(64, 64) == 64
    assert count(64, 64, causal=True) == 36
    assert count(64, 64, causal=True, anywhere=True) == 64
    assert count(64, 64, window=(0, 0)) == 8
    assert count(1024, 1024, window=(16, 0)) == 128 * 3 - 3
    assert count(61, 13, causal=True, offset=-64) == 0
    assert count(8, 64, causal=True, offset=56) == 8
    assert count(0, 64) == count(64, 0) == 0


def largest(f, *likes):
    """The size of the largest array that a program makes, inside of loops too."""
    jaxpr = jax.make_jaxpr(f)(*likes).jaxpr
    return max(v.aval.size for _, equation in equations(jaxpr) for v in equation.outvars)


def test_no_array_is_as_large_as_the_scores():
    length = 4096
    like = jax.ShapeDtypeStruct((1, length, 2, 8), jnp.float32)
    grad = jax.grad(lambda *arrays: dot_product_attention(*arrays, is_causal=True, softcap=5.0).sum(), (0, 1, 2))
    assert largest(grad, like, like, like) <= _arguments.TILE
    bias = jax.ShapeDtypeStruct((length, 1), jnp.float32)
    grad = jax.grad(lambda bias, *arrays: dot_product_attention(*arrays, bias).sum())
    assert largest(grad, bias, like, like, like) <= _arguments.TILE


def test_cudnn_is_handed_what_it_has(monkeypatch):
    handed = {}
    monkeypatch.setattr(
        jax.nn, "dot_product_attention", lambda *arrays, **options: (handed.update(options), (arrays[0], arrays[0]))[1]
    )
    dot_product_attention(QUERY, KEY, VALUE, is_causal=True, local_window_size=3, implementation="cudnn")
    assert handed["implementation"] == "cudnn"
    assert handed["is_causal"]
    assert handed["local_window_size"] == (3, 3)
    for name, value in [("q_offset", 2), ("q_offset", jnp.array(0)), ("sinks", normal(N)), ("segment_ids", SEGMENTS)]:
        with pytest.raises(ValueError, match=f"{name} must be left out where implementation is 'cudnn'"):
            dot_product_attention(QUERY, KEY, VALUE, implementation="cudnn", **{name: value})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"segment_ids": SEGMENTS[0]}, r"segment_ids must be \[2, 9\], a number for each of the keys, got"),
        ({"segment_ids": (*SEGMENTS, SEGMENTS[0])}, "segment_ids must be an array or a pair of them, got 3"),
        ({"local_window_size": (1, 2, 3)}, r"local_window_size must be .* got \(1, 2, 3\)"),
        ({"q_offset": jnp.zeros(3, int)}, r"q_offset must be \[2\], a number for each example, got int64\[3\]"),
        ({"alibi": normal(K)}, r"alibi must be \[4\], a number for each of query's heads"),
        ({"dropout_key": jnp.zeros(2)}, "dropout_key must be a jax.random.key, got"),
        ({"scale": np.inf}, "scale must be a number that is finite, got inf"),
        ({"scale": SEGMENTS[0]}, r"scale must be a number, got int32\[2, 7\]"),
        ({"softcap": np.inf}, "softcap must be a number above 0, and finite, got inf"),
        ({"implementation": "flash"}, "implementation must be None, 'xla' or 'cudnn', got 'flash'"),
    ],
)
def test_what_does_not_fit_is_named(options, message):
    with pytest.raises((TypeError, ValueError), match=f"^dot_product_attention: {message}"):
        dot_product_attention(QUERY, KEY, VALUE, **options)
