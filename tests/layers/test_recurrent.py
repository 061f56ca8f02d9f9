"""Recurrent layers: their rules, lengths and carries through stacks, both directions, streams, text, norms, probes."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close
from tests.helpers.probed import require_probes
from tests.helpers.streamed import require_streams

KEY = jax.random.key(0)
X = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 3)))
LENGTHS = jnp.array([4, 2])
KINDS = {"rnn": fn.rnn, "gru": fn.gru, "lstm": fn.lstm}
SHAPES = {
    "rnn": {"w_x": (3, 4), "w_h": (4, 4), "b": (4,)},
    "gru": {"w_x": (3, 12), "w_h": (4, 12), "b_x": (12,), "b_h": (12,)},
    "lstm": {"w_x": (3, 16), "w_h": (4, 16), "b": (16,)},
}


@pytest.mark.parametrize("name", KINDS)
def test_a_layer_draws_orthogonal_weights_and_calls_its_rule(name):
    layer = KINDS[name](4)
    params = layer.init(KEY, X.astype(jnp.float32))
    assert jax.tree.map(lambda a: a.shape, params) == SHAPES[name]
    assert all(a.dtype == jnp.float32 for a in jax.tree.leaves(params))
    for w in jnp.split(params["w_h"], params["w_h"].shape[1] // 4, 1):
        assert_close(w @ w.T, jnp.eye(4, dtype=jnp.float32), 1e-6)
    params = layer.init(KEY, X)
    zeros = (jnp.zeros((2, 4)),) * (2 if name == "lstm" else 1)
    y, _ = getattr(fn.rules, name)(X, *zeros, *params.values())
    assert_close(layer.apply(params, X), y, 0.0)


def test_an_lstm_begins_by_remembering():
    b = fn.lstm(2).init(KEY, X)["b"]
    assert b.tolist() == [0, 0, 1, 1, 0, 0, 0, 0]
    assert "b" not in fn.lstm(2, bias=False).init(KEY, X)


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_lengths_go_through_a_stack(name):
    stack = fn.serial(fn.bidirectional(KINDS[name], 2), KINDS[name](3, reverse=True, return_sequence=False))
    params = stack.init(KEY, X)
    y = jax.jit(stack.apply)(params, {"x": X, "lengths": LENGTHS})
    for row, length in enumerate(LENGTHS):
        assert_close(y[row], stack.apply(params, X[row : row + 1, :length])[0], 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_carry_goes_on_where_a_part_ended(name):
    layer = KINDS[name](4)
    params = layer.init(KEY, X)
    start, step = fn.stream_of(layer)
    carry, first = step(params, start(params, X), X[:, :2])
    rest = layer.apply(params, {"x": X[:, 2:], "carry": carry})
    assert_close(jnp.concatenate([first, rest["x"]], 1), layer.apply(params, X), 1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_streaming_equals_the_whole(name):
    require_streams(fn.serial(KINDS[name](3), fn.repeat(fn.residual(KINDS[name](3)), 2)), X)


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (fn.bidirectional(fn.gru, 2), "time backwards begins at the end"),
        (fn.lstm(2, reverse=True), "time backwards begins at the end"),
        (fn.rnn(2, return_sequence=False), "the state after the last step"),
    ],
)
def test_a_layer_that_needs_the_whole_cannot_stream(layer, why):
    with pytest.raises(ValueError, match=rf"layer 0: cannot stream: {why}"):
        fn.stream_of(fn.serial(layer)).start((layer.init(KEY, X),), X)


@pytest.mark.slow
def test_a_recurrent_language_model_goes_on_as_the_whole_says():
    model = fn.serial(fn.embedding(7, 4), fn.lstm(5), fn.gru(5), fn.linear(7))
    prompt = jnp.array([[1, 2, 3], [4, 5, 0]])
    params = model.init(KEY, prompt)
    tokens = fn.generate(model, params, prompt, 3, lengths=[3, 2])
    for row, length in enumerate([3, 2]):
        text = prompt[row, :length].tolist()
        for _ in range(3):
            text.append(int(model.apply(params, jnp.array([text]))[0, -1].argmax()))
        assert tokens[row].tolist() == text[length:]


@pytest.mark.parametrize("name", KINDS)
def test_dropout_leaves_the_same_recurrent_weights_out_at_every_step(name):
    layer = KINDS[name](4, dropout=0.5)
    params = layer.init(KEY, X)
    dropped = params | {"w_h": fn.rules.dropout(params["w_h"], KEY, 0.5)}
    assert_close(layer.apply(params, X, key=KEY, training=True), layer.apply(dropped, X), 0.0)
    with pytest.raises(ValueError, match=f"{name}: key must be given while training"):
        layer.apply(params, X, training=True)


@pytest.mark.slow
def test_norms_of_examples_are_those_of_their_own_gradients():
    model = fn.serial(fn.gru(3), fn.lstm(2, return_sequence=False))
    params, y = model.init(KEY, X), jnp.ones((2, 2))
    norms = fn.example_gradient_norms(model, fn.losses.squared_error, params, (X, y))
    grad = jax.grad(lambda params, x, y: fn.losses.squared_error(model.apply(params, x), y))
    for row, norm in enumerate(norms):
        own = jax.tree.leaves(grad(params, X[row : row + 1], y[row : row + 1]))
        assert_close(norm, jnp.sqrt(sum(jnp.vdot(a, a) for a in own)), 1e-9)


@pytest.mark.slow
def test_probes_see_a_recurrent_layer():
    model = fn.serial(fn.lstm(3, return_sequence=False), fn.linear(2))
    require_probes(model, fn.losses.squared_error, optax.sgd(0.1), (X, jnp.ones((2, 2))), KEY)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: fn.lstm(0), ValueError, "lstm: features must be a positive int, got 0"),
        (
            lambda: fn.gru(2, dropout=1.0),
            ValueError,
            "gru: dropout, the fraction .*, must be from 0 to below 1, got 1.0",
        ),
        (lambda: fn.rnn(2, activation="gelu"), ValueError, "rnn: activation must be one of tanh, relu, got 'gelu'"),
        (lambda: fn.rnn(2, reverse=1), TypeError, "rnn: reverse must be True or False, got 1"),
        (lambda: fn.bidirectional(fn.lstm(2), 2), TypeError, "bidirectional: recurrent must be rnn, gru or lstm, not"),
        (lambda: fn.bidirectional(fn.rnn, 2, reverse=True), TypeError, "bidirectional: reverse must be left out"),
        (lambda: fn.gru(2).init(KEY, X[0]), ValueError, "gru: x must have at least 3 axes"),
        (lambda: fn.gru(2).init(KEY, {"x": X, "h": X}), ValueError, "gru: x must be an array, or a dict .* got h, x"),
    ],
)
def test_what_does_not_fit_is_said(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_a_carry_of_another_width_is_said():
    layer = fn.gru(2)
    params = layer.init(KEY, X)
    with pytest.raises(ValueError, match=r"gru: h must be \[2, 2\] to follow"):
        layer.apply(params, {"x": X, "carry": jnp.ones((2, 3))})


@pytest.mark.parametrize("carry", [jnp.ones((2, 2)), (jnp.ones((2, 2)),) * 3])
def test_a_carry_that_is_not_a_pair_is_said(carry):
    for layer, of in {fn.lstm(2): r"\(h, c\)", fn.bidirectional(fn.gru, 2): "one for each direction"}.items():
        params = layer.init(KEY, X)
        with pytest.raises(ValueError, match=rf"{str(layer).split('(')[0]}: carry must be a pair, {of}, got"):
            layer.apply(params, {"x": X, "carry": carry})
