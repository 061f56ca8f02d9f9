"""The unary functions and their slopes with 50 digits, by mpmath, where that is installed."""

import math
from collections.abc import Callable
from typing import Any

try:
    import mpmath as mp
except ImportError:  # an extra of the benchmarks
    mp = None

_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def _softplus(x: Any) -> Any:
    return mp.log1p(mp.exp(x))


def _gelu(x: Any) -> Any:
    return x * _sigmoid(2 * mp.sqrt(2 / mp.pi) * (x + mp.mpf("0.044715") * x**3))


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "elu": lambda x: x if x > 0 else mp.expm1(x),
    "selu": lambda x: _SELU_SCALE * (x if x > 0 else _SELU_ALPHA * mp.expm1(x)),
    "celu": lambda x: x if x > 0 else mp.expm1(x),
    "gelu": _gelu,
    "mish": lambda x: x * mp.tanh(_softplus(x)),
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "log_sigmoid": lambda x: -_softplus(-x),
    "silu": lambda x: x * _sigmoid(x),
    "sine": lambda x: mp.sin(x),
    "softsign": lambda x: x / (1 + abs(x)),
    "squareplus": lambda x: (x + mp.sqrt(x * x + 4)) / 2,
    "tanh": lambda x: mp.tanh(x),
    "softcap": lambda x: 2 * mp.tanh(x / 2),
}


def digits(name: str, x: float, order: int) -> float | None:
    """The value (order 0) or the slope (1) of a function at a number; None where it is not known so."""
    if mp is None or name not in FUNCTIONS or not math.isfinite(x):
        return None
    with mp.workdps(50):
        at = mp.mpf(x)
        return float(mp.diff(FUNCTIONS[name], at, order, relative=True) if order else FUNCTIONS[name](at))
