"""How exact a unary rule is: its value and its slope beside those in float64, in units in the last place (ulp).

A slope has roots, near which no relative error is small: it is counted in ulps of at least 2⁻⁷ of the largest slope. So is
a value that is bounded and has roots, a sine's. What is subnormal may be flushed to 0, as a CPU's float32 is: an input, and
a number on the way, so that results up to 2⁸ times the smallest normal number may be 0 as well.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from funcnn.rules._catalogue import Entry, catalogue
from tests.helpers.digits import digits

FLOOR = 2.0**-7  # of the largest slope
_UNBOUNDED = 100.0  # a slope, or a value, that gets as large in half precision has no largest
_ROOTS = {"sine"}  # bounded values with roots away from 0
_OPTIONS = {"sine": {"omega": 1.0}}  # not 30, by which each input is rounded once before it is taken
_VECTOR = 64  # numbers, for which a compiler makes the same code as for many
_FLUSHED = 2.0**8  # of the smallest normal number: silu(-89) is a product of -89 and a subnormal number


class Errors(NamedTuple):
    """Of values or slopes.

    Attributes:
      largest: in ulp.
      at: the input where it is.
      within: how many are within one ulp.
      count: how many there are; NaN is not an input.
    """

    largest: float
    at: float
    within: int
    count: int

    def __add__(self, other: "Errors") -> "Errors":  # pyright: ignore[reportIncompatibleMethodOverride]
        worse = max(self, other, key=lambda e: e.largest)
        return Errors(worse.largest, worse.at, self.within + other.within, self.count + other.count)


def options(entry: Entry) -> dict[str, Any]:
    """The options with which a rule is measured: those of its typical example, but for a sine's."""
    return _OPTIONS.get(entry.name, entry.typical.options)


def is_unary(entry: Entry) -> bool:
    """Whether a rule is a function of one number, taken element by element."""
    if entry.surrogate or len(entry.typical.args) != 1 or not any(e.shapes == ((),) for e in entry.examples):
        return False
    x = jax.ShapeDtypeStruct(entry.typical.shapes[0], jnp.float32)
    return jax.eval_shape(entry.bind(entry.typical.options), x).shape == x.shape


UNARY = {name: entry for name, entry in catalogue.items() if is_unary(entry)}


def numbers(dtype, turn: int, turns: int) -> jax.Array:
    """The numbers of a dtype whose bits, read as an integer, leave ``turn`` when divided by ``turns``; NaN is left out."""
    unsigned = np.uint16 if jnp.finfo(dtype).bits == 16 else np.uint32
    bits = np.arange(turn, 2 ** jnp.finfo(dtype).bits, turns, dtype=np.uint64).astype(unsigned)
    x = bits.view(jnp.dtype(dtype))
    with np.errstate(invalid="ignore"):  # some NumPy warns of a signalling NaN
        return jnp.asarray(x[~np.isnan(x)])


def both(f: Callable) -> Callable[[jax.Array], tuple[jax.Array, jax.Array]]:
    """A function's value and slope, element by element."""

    @jax.jit
    def run(x):
        y, pull = jax.vjp(f, x)
        return y, pull(jnp.ones_like(y))[0]

    return run


def rule_of(entry: Entry) -> Callable[[jax.Array], tuple[jax.Array, jax.Array]]:
    """Value and slope of a rule, with the options with which it is measured."""
    return both(entry.bind(options(entry)))


def errors(entry: Entry, run: Callable, dtype) -> Callable[[jax.Array], tuple[Errors, Errors]]:
    """A function of inputs that gives the errors of values and slopes; the rule in float64 is the truth.

    Args:
      entry: whose rule is the truth.
      run: gives values and slopes, by the rule itself or by another implementation.
      dtype: of the inputs.
    """
    exact, floors = rule_of(entry), _floors(entry.name)

    @jax.jit
    def widened(x):
        wide = x.astype(jnp.float64)
        return jnp.where(jnp.abs(wide) < smallest(dtype), 0.0, wide)

    @jax.jit
    def off(got, truth, floor):
        return ulps(got.astype(jnp.float64), truth, floor, dtype)

    def measured(x):
        # Programs of their own: in one, XLA computes the truth anew for each number that it needs it for.
        pairs = zip(run(x), exact(widened(x)), floors, strict=True)
        value, slope = (_errors(np.asarray(off(*pair)), x) for pair in pairs)
        return value, slope

    return measured


def _errors(off: np.ndarray, x: jax.Array) -> Errors:
    """The errors whose sizes in ulp are given; NumPy's argmax takes a tenth of XLA's time on a CPU."""
    worst = int(np.argmax(off))
    return Errors(float(off[worst]), float(x[worst]), int(np.count_nonzero(off <= 1)), off.size)


@cache
def _floors(name: str) -> tuple[float, float]:
    """What values and slopes count as, at least."""
    grid = numbers(jnp.bfloat16, 0, 1).astype(jnp.float64)
    tops = [float(jnp.max(jnp.where(jnp.isfinite(a), jnp.abs(a), 0))) for a in rule_of(UNARY[name])(grid)]
    value, slope = (FLOOR * top if top < _UNBOUNDED else 0.0 for top in tops)
    return value if name in _ROOTS else 0.0, slope


def smallest(dtype) -> float:
    """The smallest number that is not flushed to 0: float16 is computed in float32, and keeps its subnormals."""
    info = jnp.finfo(dtype)
    return float(info.smallest_subnormal if dtype == jnp.float16 else info.tiny)


def ulps(got: jax.Array, truth: jax.Array, floor: float | jax.Array, dtype) -> jax.Array:
    """The distance in ulps of the truth, or of the floor where that is larger; infinity is the number after the largest."""
    info = jnp.finfo(dtype)
    most, tiny = float(info.max), float(info.tiny)
    infinity = 2.0 ** int(info.maxexp)  # the number after the largest one
    got, truth = (jnp.clip(a, -infinity, infinity) for a in (got, truth))
    beyond = most + most * float(info.epsneg) / 2  # from here on it is rounded to infinity
    both_beyond = (jnp.abs(truth) >= beyond) & (jnp.abs(got) > most) & (jnp.sign(got) == jnp.sign(truth))
    small = _FLUSHED * tiny if smallest(dtype) == tiny else 0.0
    flushed = (jnp.abs(truth) <= small) & (jnp.abs(got) <= small)
    size = jnp.maximum(jnp.maximum(jnp.abs(truth), floor), tiny)
    ulp = _power_of_two(size) * float(info.eps)
    off = jnp.where(both_beyond | flushed, 0.0, jnp.abs(got - truth) / ulp)
    return jnp.where(jnp.isnan(off), jnp.where(jnp.isnan(got) & jnp.isnan(truth), 0.0, jnp.inf), off)


def _power_of_two(x: jax.Array) -> jax.Array:
    """The largest power of two up to each normal number of float64: its bits without the fraction's 52."""
    bits = jax.lax.bitcast_convert_type(x.astype(jnp.float64), jnp.uint64)
    return jax.lax.bitcast_convert_type(bits & np.uint64(0x7FF << 52), jnp.float64)


def wider(entry: Entry, x: float, order: int, dtype) -> float | None:
    """The error, in ulp, of the value (order 0) or slope (1) at a number, by a truth of 50 digits; None without one."""
    truth = digits(entry.name, x, order)
    if truth is None:
        return None
    got = rule_of(entry)(jnp.full(_VECTOR, x, dtype))[order][0]
    return float(ulps(got.astype(jnp.float64), jnp.float64(truth), _floors(entry.name)[order], dtype))
