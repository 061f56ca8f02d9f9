"""States of iterators as bytes and back, by JSON: plain values and arrays, so that nothing is ever run that a file says."""

import base64
import json
from typing import Any

import numpy as np

_PLAIN = (bool, int, float, str, type(None))


def encoded(state: Any) -> bytes:
    """The state as bytes.

    Raises:
      TypeError: something in it is not a number, text, bytes, None or array, nor a list, tuple or dict of such.
    """
    return json.dumps(_written(state)).encode()


def decoded(written: bytes) -> Any:
    """The state that was encoded."""
    return _read(json.loads(written))


def _written(a):
    """What JSON has, as it is; anything else as ``{"kind": content}``."""
    if type(a) in _PLAIN:
        return a
    if type(a) is list:
        return [_written(item) for item in a]
    if type(a) is tuple:
        return {"tuple": [_written(item) for item in a]}
    if isinstance(a, dict):
        return {"dict": [[_written(key), _written(value)] for key, value in a.items()]}
    if isinstance(a, bytes):
        return {"bytes": base64.b64encode(a).decode()}
    if hasattr(a, "__array__") and (array := np.asarray(a)).dtype.kind in "biufc":
        kind = "torch" if type(a).__module__ == "torch" else "array"
        return {kind: [array.dtype.str, array.shape, base64.b64encode(array.tobytes()).decode()]}
    raise TypeError(
        f"data must have a state of numbers, text, bytes and arrays to be saved, got {type(a).__name__} in it"
    )


def _read(a):
    if isinstance(a, list):
        return [_read(item) for item in a]
    if not isinstance(a, dict):
        return a
    ((kind, content),) = a.items()
    return _KINDS[kind](content)


def _array(content):
    dtype, shape, written = content
    return np.frombuffer(base64.b64decode(written), dtype).reshape(shape).copy()


def _tensor(content):
    import torch  # pyright: ignore[reportMissingImports]  # where one was saved, it is installed

    return torch.from_numpy(_array(content))


_KINDS = {
    "tuple": lambda items: tuple(map(_read, items)),
    "dict": lambda items: {_read(key): _read(value) for key, value in items},
    "bytes": base64.b64decode,
    "array": _array,
    "torch": _tensor,
}
