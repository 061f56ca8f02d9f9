"""What `generate` is asked for, examined before anything is compiled, and what the model answers."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer

from .._core import Layer, Params, PyTree, as_layer
from ..rules._common._checks import describe, is_int, require_key, require_number


class Request(NamedTuple):
    """The arguments of `generate` beside the model; the key is None where the likeliest tokens are asked for.

    What stands beside the prompt, such as a memory, is a dict, empty where nothing does.
    """

    prompt: Array
    beside: dict[str, Any]
    n: int
    key: Array | None
    lengths: Array | None
    temperature: float
    top_k: int | None
    top_p: float | None
    stop: int | None


def requested(prompt, n, key, lengths, temperature, top_k, top_p, stop) -> Request:
    """The request.

    Raises:
      TypeError, ValueError: an argument is not as `generate` describes it.
    """
    _require_int("n", n, 1)
    for name, value, low in (("top_k", top_k, 1), ("stop", stop, 0)):
        if value is not None:
            _require_int(name, value, low)
    require_number("generate", "temperature", temperature, "from 0 up", lambda t: 0 <= t < float("inf"))
    if top_p is not None:
        require_number("generate", "top_p", top_p, "above 0, to 1", lambda p: 0 < p <= 1)
    _require_key(key, temperature, top_k, top_p)
    prompt, beside = _apart(prompt)
    prompt = _integers("prompt", prompt, 2, "[batch, positions], at least one of each")
    lengths = None if lengths is None else _lengths(lengths, *prompt.shape)
    beside = {name: _rows(name, value, len(prompt)) for name, value in beside.items()}
    key = key if temperature else None
    return Request(_ids(prompt, lengths), beside, int(n), key, lengths, float(temperature), top_k, top_p, stop)


def together(x: PyTree, beside: dict[str, Any]) -> PyTree:
    """What a model takes: x, or a dict of x and of what stands beside it."""
    return {"x": x, **beside} if beside else x


def require_vocabulary(size: int, top_k: int | None, stop: int | None) -> None:
    """Raise ValueError unless there are so many tokens, and that one."""
    if top_k is not None and top_k > size:
        raise ValueError(f"generate: top_k must be at most the vocabulary's {size}, got {top_k}")
    if stop is not None and stop >= size:
        raise ValueError(f"generate: stop must be an id below the vocabulary's {size}, got {stop}")


def require_numbers(model: Layer, params: Params, request: Request, finite: Array) -> None:
    """Raise ValueError unless no row met a logit that is NaN; the layer that knows why says so."""
    if isinstance(finite, Tracer) or finite.all():
        return
    row = int(jnp.argmin(finite))
    size = request.prompt.shape[1] if request.lengths is None else int(request.lengths[row])
    beside = jax.tree.map(lambda a: a[row : row + 1], request.beside)
    as_layer(model).apply(params, together(request.prompt[row : row + 1, :size], beside))
    raise ValueError(f"generate: logits must not be NaN, as they are for row {row} of prompt: its ids may lie outside of "
                     "the model's table, or the parameters are NaN")  # fmt: skip


def _require_int(name, value, low):
    if not is_int(value) or value < low:
        raise ValueError(f"generate: {name} must be an int, {low} or more, got {value!r}")


def _require_key(key, temperature, top_k, top_p):
    if key is not None:
        return require_key("generate", key)
    options = {"temperature": None if temperature in (0, 1) else temperature, "top_k": top_k, "top_p": top_p}
    if given := ", ".join(f"{name}={value}" for name, value in options.items() if value is not None):
        raise ValueError(
            f"generate: key must be given where tokens are drawn, and {given} says so: key=jax.random.key(0)"
        )


def _apart(prompt) -> tuple[Any, dict[str, Any]]:
    """The ids, and what stands beside them."""
    if not isinstance(prompt, Mapping):
        return prompt, {}
    if "x" not in prompt or "lengths" in prompt:
        raise ValueError("generate: prompt must be ids, or a dict with x and what stands beside it, such as memory, not "
                         f"lengths, which generate takes; got a dict with {', '.join(map(str, prompt))}")  # fmt: skip
    return prompt["x"], {name: value for name, value in prompt.items() if name != "x"}


def _rows(name, value, batch):
    """What stands beside the prompt, as arrays that have a row for each of its own."""
    name, expected = f"prompt's {name}", f"arrays with a row for each of the {batch} of x"

    def rows(a):
        a = _array(name, a, expected)
        if a.ndim == 0 or len(a) != batch:
            raise ValueError(f"generate: {name} must be {expected}, got {describe(a)}")
        return jnp.asarray(a)

    return jax.tree.map(rows, value, is_leaf=lambda a: isinstance(a, list))


def _ids(prompt, lengths):
    """The prompt, with the id 0 behind each row's own length."""
    prompt = jnp.asarray(prompt, int)
    if lengths is not None:
        prompt = jnp.where(jnp.arange(prompt.shape[1])[None, :] < lengths[:, None], prompt, 0)
    _require_within("prompt", prompt, 0, np.iinfo(np.int32).max)
    return prompt


def _lengths(lengths, batch, size):
    lengths = _integers("lengths", lengths, 1, f"[{batch}], one for each row of prompt")
    if len(lengths) != batch:
        raise ValueError(f"generate: lengths must be [{batch}], one for each row of prompt, got {describe(lengths)}")
    _require_within("lengths", lengths, 1, size)
    return jnp.asarray(lengths, int)


def _array(name, a, expected):
    try:
        return a if hasattr(a, "dtype") and hasattr(a, "ndim") else np.asarray(a)
    except ValueError:
        raise ValueError(f"generate: {name} must be {expected}, got rows of several lengths") from None


def _integers(name, a, rank, expected):
    a = _array(name, a, f"integers {expected}")
    if not jnp.issubdtype(a.dtype, jnp.integer):
        raise TypeError(f"generate: {name} must be integers {expected}, got {describe(a)}")
    if a.ndim != rank or 0 in a.shape:
        raise ValueError(f"generate: {name} must be integers {expected}, got {describe(a)}")
    return a


def _require_within(name, a, low, high):
    """Raise ValueError for the first integer out of range; a tracer has no values."""
    if isinstance(a, Tracer):
        return
    a = np.asarray(a)
    outside = a[(a < low) | (a > high)]
    if outside.size:
        raise ValueError(f"generate: {name} must be from {low} to {high}, got {outside[0]}")
