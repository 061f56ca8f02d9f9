"""This library's own rules, checked by name.

This is the one module of `funcnn.verify` that knows them. Besides `check`, each is compared with autodiff of its reference,
another formulation of the same function, in float64.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...rules._catalogue import Entry, catalogue, draw
from .._check import check
from .._errors import relative_errors
from .._settings import compiled_quickly
from ..report._report import Finding
from ._guessed_arguments import is_floating, shown
from ._tasks import Row, Task, replayed, settled

HEADS = ("rule", "examples", "value", "cotangent", "status", "seconds")
PLACE = "funcnn.rules"  # where each has its public name
_TOLERANCE = 1e-10


def has_entry(target: str, name: str) -> bool:
    """Whether a module is one of the rules', and the name in it the catalogue's."""
    return f"{target}.".startswith(f"{PLACE}.") and name in catalogue


def check_entry(task: Task) -> Row:
    """Check a rule of the catalogue, and compare it with autodiff of its reference on every example."""
    entry = catalogue[task.name]
    example = entry.typical
    args = draw(example, 0, jnp.float32)
    f, settings = entry.bind(example.options), {"level": task.level, "seed": task.seed, "surrogate": entry.surrogate}
    with jax.enable_x64(True):
        value, cotangent = _errors(entry)
    report = settled(task, lambda budget: check(f, *args, **settings, budget=budget))
    if not max(value, cotangent) <= _TOLERANCE:
        finding = Finding("S2", "fail", f"the value is off by {value:.1e} and a cotangent by {cotangent:.1e} of the "
                          "largest element, against autodiff of the reference in float64")  # fmt: skip
        report = report._replace(findings=(finding, *report.findings))
    replay = replayed(PLACE, task.name, task.level, task.seed)
    origin = ", ".join([shown(args), *(f"{option}={setting!r}" for option, setting in example.options.items())])
    report = report._replace(replay=replay, example=f"the catalogue's: {origin}")
    cells = (report.name, f"{len(entry.examples)}", f"{value:.1e}", f"{cotangent:.1e}", report.status,
             f"{report.seconds:.1f}")  # fmt: skip
    return Row(report, cells)


def _errors(entry: Entry) -> tuple[float, float]:
    """The largest error of any example's value and of any cotangent, for random arguments and a random cotangent."""
    sides, points = [], []
    for seed, example in enumerate(entry.examples):
        args = draw(example, seed, jnp.float64)
        places = [i for i, a in enumerate(args) if is_floating(a)]
        given, rng = [args[i] for i in places], np.random.default_rng(seed + 1)
        rule, reference = (_of_floats(entry.bind(example.options, ref), args, places) for ref in (False, True))
        y_bar = jax.tree.map(lambda y, rng=rng: rng.normal(size=y.shape), jax.eval_shape(rule, given))
        sides.append((rule, reference))
        points.append((given, y_bar))

    def value_and_bars(f: Callable[..., Any], given: list[Any], y_bar: Any) -> tuple[Any, Any]:
        y, vjp = jax.vjp(f, given)
        return y, vjp(y_bar)[0]

    together = lambda points: [[value_and_bars(f, *at) for f in pair] for pair, at in zip(sides, points, strict=True)]
    results = compiled_quickly(together)(points)
    values, bars = (max(_largest(rule[part], reference[part]) for rule, reference in results) for part in (0, 1))
    return values, bars


def _of_floats(f: Callable[..., Any], args: Sequence[Any], places: Sequence[int]) -> Callable[[Sequence[Any]], Any]:
    """f of its floating arguments alone."""

    def g(given: Sequence[Any]) -> Any:
        full = list(args)
        for i, a in zip(places, given, strict=True):
            full[i] = a
        return f(*full)

    return g


def _largest(got: Any, expected: Any) -> float:
    """The largest relative error of any array of a tree."""
    return max(map(_error, jax.tree.leaves(got), jax.tree.leaves(expected)))


def _error(got: jax.Array, expected: jax.Array) -> float:
    """The largest relative error; that of a gradient below a thousandth, which may be 0, is relative to a thousandth."""
    if np.abs(expected).max(initial=0) < 1e-3:
        return float(np.abs(got - expected).max(initial=0)) / 1e-3
    return float(relative_errors(got, expected).max(initial=0))
