"""Recurrent layers of PyTorch and Keras: their formulas, written out a gate and a step at a time, and PyTorch itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close

N, FEATURES, TIME = 3, 2, 4
LAYERS = {"RNN": fn.rnn, "GRU": fn.gru, "LSTM": fn.lstm}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, TIME, N))


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def torchs(p, k, x, h):
    """Part k of what PyTorch's pages write ``W_i x + b_i + W_h h + b_h``, apart."""
    rows = slice(k * FEATURES, (k + 1) * FEATURES)
    return (
        x @ p["weight_ih_l0"][rows].T + p["bias_ih_l0"][rows],
        h @ p["weight_hh_l0"][rows].T + p["bias_hh_l0"][rows],
    )


def torch_step(name, p, x, h, c):
    part = lambda k: sum(torchs(p, k, x, h))
    if name == "RNN":
        return np.tanh(part(0)), c
    if name == "GRU":
        r, z, (of_x, of_h) = sigmoid(part(0)), sigmoid(part(1)), torchs(p, 2, x, h)
        return (1 - z) * np.tanh(of_x + r * of_h) + z * h, c
    c = sigmoid(part(1)) * c + sigmoid(part(0)) * np.tanh(part(2))
    return sigmoid(part(3)) * np.tanh(c), c


def keras_step(name, weights, x, h, c):
    kernel, recurrent, bias = weights
    part = lambda k: slice(k * FEATURES, (k + 1) * FEATURES)
    if name == "GRU":
        of_x, of_h = x @ kernel + bias[0], h @ recurrent + bias[1]
        z, r = (sigmoid(of_x[:, part(k)] + of_h[:, part(k)]) for k in (0, 1))
        return z * h + (1 - z) * np.tanh(of_x[:, part(2)] + r * of_h[:, part(2)]), c
    a = x @ kernel + h @ recurrent + bias
    if name == "RNN":
        return np.tanh(a), c
    c = sigmoid(a[:, part(1)]) * c + sigmoid(a[:, part(0)]) * np.tanh(a[:, part(2)])
    return sigmoid(a[:, part(3)]) * np.tanh(c), c


def along_time(step, name, weights):
    h = c = np.zeros((len(X), FEATURES))
    y = []
    for t in range(TIME):
        h, c = step(name, weights, X[:, t], h, c)
        y.append(h)
    return jnp.asarray(np.stack(y, 1))


@pytest.mark.parametrize(("name", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
def test_torchs_parameters_give_torchs_formula(name, gates):
    rows = gates * FEATURES
    shapes = {"weight_ih": (rows, N), "weight_hh": (rows, FEATURES), "bias_ih": (rows,), "bias_hh": (rows,)}
    arrays = {f"{k}_l0": RNG.normal(size=shape) for k, shape in shapes.items()}
    params = fn.interop.recurrent_from_torch({f"body.{k}": a for k, a in arrays.items()}, "body.")
    assert_close(LAYERS[name](FEATURES).apply(params, X), along_time(torch_step, name, arrays), 1e-12)


@pytest.mark.parametrize(("name", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
def test_keras_parameters_give_keras_formula(name, gates):
    columns = gates * FEATURES
    bias = (2, columns) if name == "GRU" else (columns,)
    weights = [RNG.normal(size=shape) for shape in ((N, columns), (FEATURES, columns), bias)]
    params = fn.interop.recurrent_from_keras(weights)
    assert_close(LAYERS[name](FEATURES).apply(params, X), along_time(keras_step, name, weights), 1e-12)
    without = fn.interop.recurrent_from_keras(weights[:2])
    assert without.keys() == {"w_x", "w_h"}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fn.interop.recurrent_from_torch({"weight_ih_l0": X[0]}), "there is no weight_hh_l0, got weight_ih_l0"),
        (lambda: fn.interop.recurrent_from_keras([X[0]]), "weights must be 2 or 3 arrays, got 1"),
        (lambda: fn.interop.recurrent_from_keras([np.ones((3, 4)), np.ones((2, 4))]), r"got \[2, 4\] for h"),
        (
            lambda: fn.interop.recurrent_from_keras([np.ones((3, 6)), np.ones((2, 6)), np.ones(6)]),
            r"bias must be \[2, 6\], of a GRU with reset_after, got \[6\]",
        ),
    ],
)
def test_what_does_not_fit_is_said(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("name", LAYERS)
def test_a_stack_in_both_directions_is_pytorchs(name):
    torch = pytest.importorskip("torch")
    module = getattr(torch.nn, name)(N, FEATURES, 2, batch_first=True, bidirectional=True, dtype=torch.float64)
    lengths = [4, 2]
    x = torch.tensor(X, requires_grad=True)
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, torch.tensor(lengths), batch_first=True)
    y, _ = torch.nn.utils.rnn.pad_packed_sequence(module(packed)[0], batch_first=True, total_length=TIME)
    bar = RNG.normal(size=(2, TIME, 2 * FEATURES))
    (y * torch.tensor(bar)).sum().backward()

    stack = fn.serial(*(fn.bidirectional(LAYERS[name], FEATURES) for _ in range(2)))
    read = lambda arrays: tuple(
        {
            direction: fn.interop.recurrent_from_torch(arrays, layer=i, reverse=direction == "backward")
            for direction in ("forward", "backward")
        }
        for i in range(2)
    )
    params = read({k: a.numpy() for k, a in module.state_dict().items()})
    apply = lambda params, x: stack.apply(params, {"x": x, "lengths": jnp.array(lengths)})["x"]
    ours, pull = jax.vjp(apply, params, jnp.asarray(X))
    params_bar, x_bar = pull(jnp.asarray(bar))
    assert_close(ours, jnp.asarray(y.detach().numpy()), 1e-9)
    assert_close(x_bar, jnp.asarray(x.grad.numpy()), 1e-9)
    expected = read({k: a.grad.numpy() for k, a in module.named_parameters()})
    weights = lambda tree: [(p[d]["w_x"], p[d]["w_h"]) for p in tree for d in ("forward", "backward")]
    assert_close(weights(params_bar), weights(expected), 1e-9)
