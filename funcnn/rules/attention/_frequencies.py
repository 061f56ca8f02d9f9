r"""The frequencies of rotary positions, and how they are changed for sequences longer than those of training.

The mapping is that of a Hugging Face configuration, its ``rope_scaling``. With ω_i = base^(-2i/r), i = 0 … r/2 - 1, of r
rotated features, L = original_max_position_embeddings and s = factor, the frequencies in radians a position are

    default   ω_i
    linear    ω_i / s                                                  (Chen et al., 2023: position interpolation)
    ntk       ω_i with base s^(r / (r - 2))                            (bloc97, 2023: NTK-aware; static)
    yarn      ω_i (1 - γ_i + γ_i / s), γ_i from 0 to 1 over low … high (Peng et al., 2023, eqs. 17 to 23)
    llama3    ω_i (σ_i + (1 - σ_i) / s), σ_i = (L ω_i / 2π - low_freq_factor) / (high_freq_factor - low_freq_factor),
              from 0 to 1                                              (Llama 3.1, 2024)

For yarn low and high are the i, rounded down and up, at which a feature turns beta_fast and beta_slow times in L positions:
i = r log(L / (2π beta)) / (2 log base). It multiplies what it rotates by attention_factor, 0.1 log s + 1 by default.

Dynamic scaling is not here: frequencies that follow the length do not fit keys that were rotated before.
"""

import math
from collections.abc import Mapping
from typing import Any

from .._common._checks import describe, require_number

_KEYS = {
    "default": set(),
    "linear": {"factor"},
    "ntk": {"factor"},
    "yarn": {"factor", "original_max_position_embeddings", "beta_fast", "beta_slow", "attention_factor"},
    "llama3": {"factor", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor"},
}
_OPTIONAL = {"beta_fast": 32.0, "beta_slow": 1.0, "attention_factor": None}


def frequencies(r: int, base: float, scaling: Mapping[str, Any] | None) -> tuple[tuple[float, ...], float]:
    """The frequencies of r rotated features, in radians a position, and the factor of what is rotated."""
    kind, options = _read(scaling)
    factor = options.get("factor", 1.0)
    if kind == "ntk":
        base = base * factor ** (r / max(r - 2, 1))
    plain = [base ** (-2 * i / r) for i in range(r // 2)]
    magnitude = 1.0
    if kind == "linear":
        shares = [1.0] * len(plain)
    elif kind == "yarn":
        shares = _yarn(r, base, options)
        magnitude = options["attention_factor"] or 0.1 * math.log(max(factor, 1.0)) + 1
    elif kind == "llama3":
        shares = _llama3(plain, options)
    else:
        return tuple(plain), magnitude
    return tuple(w * (1 - share + share / factor) for w, share in zip(plain, shares, strict=True)), magnitude


def _yarn(r, base, options):
    """How far each frequency is interpolated, from 0 for those that turn often to 1 for those that turn seldom."""
    length = options["original_max_position_embeddings"]
    turning = lambda turns: r * math.log(length / (2 * math.pi * turns)) / (2 * math.log(base))
    low = max(math.floor(turning(options["beta_fast"])), 0)
    high = min(math.ceil(turning(options["beta_slow"])), r - 1)
    return [_ramp(i - low, high - low) for i in range(r // 2)]


def _llama3(plain, options):
    low, high = options["low_freq_factor"], options["high_freq_factor"]
    turns = [options["original_max_position_embeddings"] * w / (2 * math.pi) for w in plain]
    return [1 - _ramp(t - low, high - low) for t in turns]


def _ramp(a, width):
    """a / width, no less than 0 and no more than 1; a step where there is no width."""
    return min(max(a / (width or 0.001), 0.0), 1.0)


def _read(scaling):
    """The kind and its options, each a number above 0."""
    if scaling is None:
        return "default", {}
    if not isinstance(scaling, Mapping):
        raise TypeError(f"rope: scaling must be a mapping such as {{'rope_type': 'linear', 'factor': 2.0}}, got "
                        f"{describe(scaling)}")  # fmt: skip
    given = dict(scaling)
    kind = given.pop("rope_type", given.pop("type", None))
    if kind not in _KEYS:
        raise ValueError(f"rope: scaling['rope_type'] must be one of {', '.join(_KEYS)}, got {kind!r}")
    needed, known = sorted(_KEYS[kind] - set(_OPTIONAL)), sorted(_KEYS[kind] & set(_OPTIONAL))
    if not set(needed) <= set(given) <= _KEYS[kind]:
        more = f", and perhaps {known}," if known else ""
        raise ValueError(
            f"rope: scaling of type {kind!r} must have {needed}{more} beside its type, got {sorted(given)}"
        )
    given = {name: _OPTIONAL[name] for name in known} | given
    for name, value in given.items():
        if value is not None or name not in _OPTIONAL:
            require_number("rope", f"scaling[{name!r}]", value, "above 0", lambda v: v > 0)
    return kind, given
