"""Whether a public rule is at fault, without the checker: its derivatives beside differences of its own values."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ._rule import Call, Slope, Value

APART = 1e-4  # of the larger number: what two numbers must differ by to be different
STEPS = (1e-3, 3e-4)  # of the size of a step: differences by both must agree


class Proof(NamedTuple):
    """Two numbers that should be equal.

    Attributes:
      what: which numbers.
      rule: by differentiation through the rule.
      truth: by the function's values alone.
      error: how far the truth is known.
    """

    what: str
    rule: float
    truth: float
    error: float

    @property
    def holds(self) -> bool:
        """Whether the two differ by far more than the truth is unknown."""
        if np.isinf(self.truth):
            return self.rule != self.truth
        if np.isnan(self.truth) or self.error > APART / 10 * max(abs(self.truth), 1e-6):
            return False
        size = max(abs(self.truth), abs(self.rule)) if np.isfinite(self.rule) else 0.0
        return not np.isfinite(self.rule) or abs(self.rule - self.truth) > APART * size + 10 * self.error

    def __str__(self) -> str:
        return f"{self.what}: by the rule {self.rule:.6g}, by its values {self.truth:.6g} (± {self.error:.0e})"


def prove(call: Call, evidence: Value | Slope) -> Proof:
    """Compute both numbers in float64."""
    with jax.enable_x64(True):
        args = tuple(map(wide, evidence.args))
        return _value(call, evidence, args) if isinstance(evidence, Value) else _slope(call, evidence, args)


def wide(value: Any) -> Any:
    """Lists and floats as float64 arrays, in any tree; everything else as it is."""
    if isinstance(value, dict):
        return {key: wide(v) for key, v in value.items()}
    if isinstance(value, tuple):
        return tuple(map(wide, value))
    return jnp.asarray(value, jnp.float64) if isinstance(value, (list, float)) else value


def _flat(y: Any) -> np.ndarray:
    return np.concatenate([np.ravel(np.asarray(leaf)) for leaf in jax.tree.leaves(y)])


def _value(call: Call, evidence: Value, args: tuple[Any, ...]) -> Proof:
    inexact = [i for i, a in enumerate(args) if all(map(_is_float, jax.tree.leaves(a)))]
    partly = lambda *some: call.f(*(some[inexact.index(i)] if i in inexact else a for i, a in enumerate(args)))
    some = tuple(args[i] for i in inexact)
    got = _flat(jax.jvp(partly, some, some)[0])[evidence.output]
    truth = _flat(call.f(*args))[evidence.output]
    return Proof(f"value {evidence.output} at {_text(evidence.args)}", float(got), float(truth), 0.0)


def _slope(call: Call, evidence: Slope, args: tuple[Any, ...]) -> Proof:
    i, place = evidence.argument, evidence.element
    x, join = ravel_pytree(args[i])
    y = lambda x: _values(call.f(*args[:i], join(x), *args[i + 1 :]))[evidence.output]
    one = jnp.zeros_like(x).at[place].set(1.0)
    rule = jax.jvp(y, (x,), (one,))[1] if evidence.forward else jax.grad(y)(x)[place]
    size = evidence.size or (abs(float(x[place])) or 1.0)
    central = lambda h: float(y(x + h * one) - y(x - h * one)) / (2 * h)
    wide, near = ((4 * central(size * s) - central(2 * size * s)) / 3 for s in STEPS)
    mode = "forward" if evidence.forward else "reverse"
    what = f"d y[{evidence.output}] / d x{i}[{place}], {mode} mode, at {_text(evidence.args)}"
    return Proof(what, float(rule), near, abs(wide - near))


def _values(y: Any) -> jax.Array:
    return jnp.concatenate([jnp.ravel(leaf) for leaf in jax.tree.leaves(y)])


def _is_float(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.floating)


def _text(args: Any) -> str:
    """The arguments in a few words."""
    text = str(args).replace(",)", ")")
    return text if len(text) <= 60 else f"{text[:57]}..."
