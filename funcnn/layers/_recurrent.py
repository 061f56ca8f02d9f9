"""Networks that carry a state along time, by the recurrent rules of `funcnn.rules`; and both directions of one."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp

from .. import initializers, rules
from .._core import Layer, Stream, split_key
from .._shown import shown
from .._streaming import cannot_stream
from ..rules._common._checks import describe, require_bool
from ..rules.recurrent._rnn import require_activation
from ._example import features as features_of
from ._example import key_of_training, positive, require_array, require_rate
from ._inputs import alone, entries

_ENTRIES = {"x", "lengths", "carry"}


@shown
def rnn(
    features: int,
    *,
    activation: Literal["tanh", "relu"] = "tanh",
    return_sequence: bool = True,
    reverse: bool = False,
    dropout: float = 0.0,
    bias: bool = True,
    w_init=initializers.glorot_uniform(),
    recurrent_init=initializers.orthogonal(),
) -> Layer:
    """A simple recurrent network: its state is a nonlinear function of the input and of the state before.

    Args:
      features: the size of the state, and of y's last axis.
      activation: "tanh" or "relu".
      return_sequence: whether the value is the state at every step, or after the last one alone.
      reverse: whether time runs backwards, from each row's own end.
      dropout: the fraction of the entries of ``w_h`` that is dropped while training, the same ones at every step. The same
        entries of x or y are dropped at every step by ``dropout(rate, shared=(1,))``, a layer before or after. Beside
        lengths it is ``branches(x=dropout(rate, shared=(1,)), lengths=lambda n: n)``.
      bias: whether there is a ``b``.
      w_init: an initializer of ``w_x``, see `funcnn.initializers`.
      recurrent_init: an initializer of ``w_h``, of each gate's part by itself.

    Returns:
      A layer with parameters ``{"w_x": [n, features], "w_h": [features, features], "b": [features]}``. x is an array
      ``[batch, time, n]``, or a dict ``{"x": …}`` with any of ``lengths`` ``[batch]`` and ``carry``, the state before the
      first step ``[batch, features]``. The value is ``[batch, time, features]``, 0 beyond a row's length. Of a dict it is
      the dict ``{"x": …}`` with the lengths that came, so that layers stack. Without ``return_sequence`` it is
      ``[batch, features]``. A stream's carry is the state.

    Raises:
      TypeError, ValueError: an option is not as described.

    Example:
      >>> layer, x = rnn(4), jnp.ones((2, 5, 3))
      >>> params = layer.init(jax.random.key(0), x)
      >>> layer.apply(params, x).shape
      (2, 5, 4)
    """
    require_activation(activation)
    require_bool("rnn", bias=bias)
    run = lambda p, x, h, lengths: rules.rnn(x, h, p["w_x"], p["w_h"], p.get("b"), lengths, reverse, activation)
    biases = {"b": lambda dtype: jnp.zeros(features, dtype)} if bias else {}
    cell = _Cell("rnn", 1, 1, run, biases)
    return _layer(cell, features, return_sequence, reverse, dropout, w_init, recurrent_init)


@shown
def gru(
    features: int,
    *,
    return_sequence: bool = True,
    reverse: bool = False,
    dropout: float = 0.0,
    bias: bool = True,
    w_init=initializers.glorot_uniform(),
    recurrent_init=initializers.orthogonal(),
) -> Layer:
    """A gated recurrent unit: its state is a mixture of the one before and of a new one. Arguments are those of `rnn`.

    Returns:
      A layer as `rnn`'s, with parameters ``{"w_x": [n, 3 · features], "w_h": [features, 3 · features], "b_x", "b_h":
      [3 · features]}``, for the gates r, z and n.

    Example:
      >>> model, x = serial(gru(4), gru(5, return_sequence=False)), jnp.ones((2, 5, 3))
      >>> params = model.init(jax.random.key(0), x)
      >>> model.apply(params, x).shape
      (2, 5)
    """
    require_bool("gru", bias=bias)
    run = lambda p, x, h, lengths: rules.gru(
        x, h, p["w_x"], p["w_h"], p.get("b_x"), p.get("b_h"), lengths, reverse
    )  # fmt: skip
    biases = {b: lambda dtype: jnp.zeros(3 * features, dtype) for b in ("b_x", "b_h") if bias}
    cell = _Cell("gru", 3, 1, run, biases)
    return _layer(cell, features, return_sequence, reverse, dropout, w_init, recurrent_init)


@shown
def lstm(
    features: int,
    *,
    return_sequence: bool = True,
    reverse: bool = False,
    dropout: float = 0.0,
    bias: bool = True,
    w_init=initializers.glorot_uniform(),
    recurrent_init=initializers.orthogonal(),
) -> Layer:
    """A long short-term memory: a cell that is added to along time, through gates. Arguments are those of `rnn`.

    Returns:
      A layer as `rnn`'s, with parameters ``{"w_x": [n, 4 · features], "w_h": [features, 4 · features], "b":
      [4 · features]}``, for the gates i, f, g and o. b begins as 1 for f, so that the cell begins by remembering, and as 0
      elsewhere. The carry is a pair, ``(h, c)``.

    Example:
      >>> layer, x = lstm(4), jnp.ones((2, 5, 3))
      >>> params = layer.init(jax.random.key(0), x)
      >>> y = layer.apply(params, {"x": x, "lengths": jnp.array([5, 3])})
      >>> y["x"].shape, y["lengths"].tolist()
      ((2, 5, 4), [5, 3])
    """
    require_bool("lstm", bias=bias)
    run = lambda p, x, carry, lengths: rules.lstm(
        x, *_pair("lstm", carry, "(h, c)"), p["w_x"], p["w_h"], p.get("b"), lengths, reverse
    )  # fmt: skip
    forget = lambda dtype: jnp.zeros((4, features), dtype).at[1].set(1).reshape(-1)
    biases = {"b": forget} if bias else {}
    cell = _Cell("lstm", 4, 2, run, biases)
    return _layer(cell, features, return_sequence, reverse, dropout, w_init, recurrent_init)


@shown
def bidirectional(recurrent: Callable[..., Layer], features: int, **options: Any) -> Layer:
    """A recurrent layer forwards in time and another backwards, whose values stand beside each other.

    Args:
      recurrent: `rnn`, `gru` or `lstm`.
      features: the size of each one's state.
      **options: of both layers.

    Returns:
      A layer with parameters ``{"forward": …, "backward": …}``, for the x of its layers. Its carry is a pair of theirs, and
      its value has 2 · features.

    Raises:
      TypeError: recurrent is not the constructor of a recurrent layer.

    Example:
      >>> layer, x = bidirectional(gru, 4), {"x": jnp.ones((2, 5, 3)), "lengths": jnp.array([5, 3])}
      >>> params = layer.init(jax.random.key(0), x)
      >>> layer.apply(params, x)["x"].shape
      (2, 5, 8)
    """
    if recurrent not in (rnn, gru, lstm):
        raise TypeError(f"bidirectional: recurrent must be rnn, gru or lstm, not called yet, got {recurrent!r}")
    if "reverse" in options:
        raise TypeError("bidirectional: reverse must be left out: there is a layer for each direction")
    layers = {"forward": recurrent(features, **options), "backward": recurrent(features, reverse=True, **options)}

    def init(key, inputs):
        keys = split_key(key)
        return {name: layers[name].init(k, x) for name, k, x in zip(layers, keys, _each(inputs), strict=True)}

    def apply(params, inputs, *, key=None, training=False):
        keys = (None, None) if key is None else split_key(key)
        ys = [
            layers[name].apply(params[name], x, key=k, training=training)
            for name, k, x in zip(layers, keys, _each(inputs), strict=True)
        ]
        if isinstance(ys[0], Mapping):
            return {**ys[0], "x": jnp.concatenate([y["x"] for y in ys], -1)}
        return jnp.concatenate(ys, -1)

    return Layer(init, apply, stream=cannot_stream("time backwards begins at the end"))


class _Cell(NamedTuple):
    """What is a layer's own: its rule as ``run(params, x, carry, lengths) -> (y, carry)``, and the biases' initial values.

    The carry is h, or a tuple of h and other states.
    """

    name: str
    gates: int
    states: int
    run: Callable[..., Any]
    biases: Mapping[str, Callable[..., Any]]


def _layer(cell: _Cell, features, return_sequence, reverse, dropout, w_init, recurrent_init) -> Layer:
    """The layer of a cell."""
    name, gates, states, run, biases = cell
    positive(name, "features", features)
    require_rate(name, "dropout", dropout)
    require_bool(name, return_sequence=return_sequence, reverse=reverse)

    def init(key, inputs):
        n, dtype = features_of(name, entries(name, inputs, _ENTRIES)["x"], 3)
        w_key, *keys = split_key(key, 1 + gates)
        w_h = jnp.concatenate([recurrent_init(k, (features, features), dtype) for k in keys], 1)
        drawn = {"w_x": w_init(w_key, (n, gates * features), dtype), "w_h": w_h}
        return drawn | {b: init(dtype) for b, init in biases.items()}

    def start(params, like):
        x = alone(like)
        h = jnp.zeros((x.shape[0], features), x.dtype)
        return h if states == 1 else (h,) * states

    def step(params, carry, inputs, lengths=None):
        y, carry = run(params, alone(inputs), carry, lengths)
        return carry, y

    def apply(params, inputs, *, key=None, training=False):
        given = entries(name, inputs, _ENTRIES)
        require_array(name, given["x"])
        lengths, carry = given.get("lengths"), given.get("carry")
        carry = start(params, given["x"]) if carry is None else carry
        y, carry = run(_dropped(name, params, dropout, key, training), given["x"], carry, lengths)
        if not return_sequence:
            return carry if states == 1 else carry[0]
        if not isinstance(inputs, Mapping):
            return y
        return {"x": y} if lengths is None else {"x": y, "lengths": lengths}

    if reverse:
        return Layer(init, apply, stream=cannot_stream("time backwards begins at the end"))
    if not return_sequence:
        return Layer(init, apply, stream=cannot_stream("the state after the last step is that of the whole"))
    return Layer(init, apply, stream=Stream(start, step))


def _pair(layer, carry, of) -> tuple[Any, Any]:
    """The carry, if it is a pair. An array would be taken apart along its batch."""
    if not isinstance(carry, (tuple, list)) or len(carry) != 2:
        came = describe(carry) if hasattr(carry, "dtype") else repr(carry)
        raise ValueError(f"{layer}: carry must be a pair, {of}, got {came}")
    return carry[0], carry[1]


def _each(inputs) -> tuple[Any, Any]:
    """The inputs of both directions: each has its own carry."""
    if not isinstance(inputs, Mapping) or inputs.get("carry") is None:
        return inputs, inputs
    first, second = _pair("bidirectional", inputs["carry"], "one for each direction")
    return {**inputs, "carry": first}, {**inputs, "carry": second}


def _dropped(layer, params, rate, key, training):
    """The parameters with a part of w_h dropped, while training."""
    if not training or rate == 0:
        return params
    return params | {"w_h": rules.dropout(params["w_h"], key_of_training(layer, key), rate)}
