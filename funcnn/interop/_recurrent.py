"""Parameters of the recurrent layers of PyTorch and Keras."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array

from ._torch import as_numpy


def recurrent_from_torch(
    state_dict: Mapping[str, Any], prefix: str = "", layer: int = 0, reverse: bool = False
) -> dict[str, Array]:
    """Parameters of `funcnn.rnn`, `gru` or `lstm` out of PyTorch's RNN, GRU or LSTM: of one layer in one direction.

    Args:
      state_dict: arrays by PyTorch's names. PyTorch itself is not imported.
      prefix: what stands before the names, such as ``"encoder."``.
      layer: the number of the layer, in a module with ``num_layers``.
      reverse: whether it is the one backwards, of a bidirectional module.

    Returns:
      Parameters, in the arrays' dtype. PyTorch's two biases are added where the layer here has one.

    Raises:
      ValueError: an array is missing, or the weights are not those of an RNN, a GRU or an LSTM.

    Example:
      >>> arrays = {"weight_ih_l0": jnp.ones((8, 3)), "weight_hh_l0": jnp.ones((8, 2))}
      >>> {name: a.shape for name, a in interop.recurrent_from_torch(arrays).items()}
      {'w_x': (3, 8), 'w_h': (2, 8)}
    """
    names = {k: f"{prefix}{k}_l{layer}{'_reverse' * reverse}" for k in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
    found = {k: as_numpy(state_dict[name]) for k, name in names.items() if name in state_dict}
    for k in ("weight_ih", "weight_hh"):
        if k not in found:
            raise ValueError(f"recurrent_from_torch: there is no {names[k]}, got {', '.join(map(str, state_dict))}")
    w_x, w_h = found["weight_ih"].T, found["weight_hh"].T
    gates = _gates("recurrent_from_torch", w_h)
    biases = found.get("bias_ih"), found.get("bias_hh")
    return _params(w_x, w_h, biases if gates == 3 else (_sum(*biases),))


def recurrent_from_keras(weights: Sequence[Any]) -> dict[str, Array]:
    """Parameters of `funcnn.rnn`, `gru` or `lstm` out of Keras' SimpleRNN, GRU or LSTM.

    Args:
      weights: what ``layer.get_weights()`` gives: the kernel, the recurrent kernel and, if there is one, the bias.

    Returns:
      Parameters, in the arrays' dtype. The gates of a GRU, z, r and h there, are put in the order r, z, n.

    Raises:
      ValueError: the weights are not those of such a layer, or of a GRU without ``reset_after``, which has one bias.

    Example:
      >>> params = interop.recurrent_from_keras([jnp.ones((3, 8)), jnp.ones((2, 8)), jnp.ones(8)])
      >>> {name: a.shape for name, a in params.items()}
      {'w_x': (3, 8), 'w_h': (2, 8), 'b': (8,)}
    """
    if len(weights) not in (2, 3):
        raise ValueError(f"recurrent_from_keras: weights must be 2 or 3 arrays, got {len(weights)}")
    w_x, w_h, *biases = map(np.asarray, weights)
    if _gates("recurrent_from_keras", w_h) != 3:
        return _params(w_x, w_h, biases)
    if any(b.shape != (2, w_h.shape[1]) for b in biases):
        raise ValueError(f"recurrent_from_keras: bias must be [2, {w_h.shape[1]}], of a GRU with reset_after, got "
                         f"{list(biases[0].shape)}")  # fmt: skip
    both = [row for b in biases for row in b]
    return _params(_reset_first(w_x), _reset_first(w_h), [_reset_first(b) for b in both])


def _gates(name, w_h):
    gates, rest = divmod(w_h.shape[1], w_h.shape[0]) if w_h.ndim == 2 and len(w_h) else (0, 0)
    if gates not in (1, 3, 4) or rest:
        raise ValueError(f"{name}: weights must be those of an RNN, a GRU or an LSTM, got {list(w_h.shape)} for h")
    return gates


def _params(w_x, w_h, biases):
    """The parameters of a layer: of the biases those that there are."""
    given = [b for b in biases if b is not None]
    named = zip(("b",) if len(given) == 1 else ("b_x", "b_h"), given, strict=False)
    return {"w_x": jnp.asarray(w_x), "w_h": jnp.asarray(w_h)} | {name: jnp.asarray(b) for name, b in named}


def _sum(one, other):
    return one if other is None else one + other


def _reset_first(a):
    """Parts z, r, n in the order r, z, n."""
    z, r, n = np.split(a, 3, -1)
    return np.concatenate([r, z, n], -1)
