"""This library's own rules, checked by name.

This is the one module of `funcnn.verify` that knows them. Besides `check`, each is compared with autodiff of its reference,
another formulation of the same function, in float64.
"""

import jax
import jax.numpy as jnp
import numpy as np

from ...rules._catalogue import Entry, catalogue, draw
from .._check import check
from .._errors import relative_errors
from .._settings import compiled_quickly
from ..report._report import Finding
from ._guessed_arguments import shown
from ._tasks import Row, Task, settled

_TOLERANCE = 1e-10


HEADS = ("rule", "examples", "value", "cotangent", "status", "seconds")


def check_entry(task: Task) -> Row:
    """Check a rule of the catalogue, and compare it with autodiff of its reference on every example."""
    entry = catalogue[task.name]
    example = entry.typical
    with jax.enable_x64(True):
        value, cotangent = _errors(entry)

    args = draw(example, 0, jnp.float32)
    options = {"level": task.level, "seed": task.seed, "surrogate": entry.surrogate}
    report = settled(task, lambda budget: check(entry.bind(example.options), *args, **options, budget=budget))
    if not max(value, cotangent) <= _TOLERANCE:
        finding = Finding("S2", "fail", f"the value is off by {value:.1e} and a cotangent by {cotangent:.1e} of the "
                          "largest element, against autodiff of the reference in float64")  # fmt: skip
        report = report._replace(findings=(finding, *report.findings))
    replay = f"python -m funcnn.verify --level {task.level} --seed {task.seed}"
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
        floats = [i for i, a in enumerate(args) if a is not None and jnp.issubdtype(a.dtype, jnp.floating)]
        given = [args[i] for i in floats]
        sides.append([_of_floats(entry.bind(example.options, ref), args, floats) for ref in (False, True)])
        rng = np.random.default_rng(seed + 1)
        y_bar = jax.tree.map(lambda y, rng=rng: rng.normal(size=y.shape), jax.eval_shape(sides[-1][0], given))
        points.append((given, y_bar))

    def value_and_bars(f, given, y_bar):
        y, vjp = jax.vjp(f, given)
        return y, vjp(y_bar)[0]

    together = lambda points: [[value_and_bars(f, *at) for f in pair] for pair, at in zip(sides, points, strict=True)]
    results = compiled_quickly(together)(points)
    values, bars = (
        [
            _largest(*pair)
            for rule, reference in results
            for pair in zip(jax.tree.leaves(rule[part]), jax.tree.leaves(reference[part]), strict=True)
        ]
        for part in (0, 1)
    )
    return max(values), max(bars)


def _of_floats(f, args, places):
    """f of its floating arguments alone."""

    def g(given):
        full = list(args)
        for i, a in zip(places, given, strict=True):
            full[i] = a
        return f(*full)

    return g


def _largest(got, expected):
    """The largest relative error; where all is below a thousandth, like a gradient that is 0, at that scale."""
    if np.abs(expected).max(initial=0) < 1e-3:
        return float(np.abs(got - expected).max(initial=0)) / 1e-3
    return float(relative_errors(got, expected).max(initial=0))
