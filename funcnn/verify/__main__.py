"""``python -m funcnn.verify``: check the rules of any module from the command line; without one, those of this library.

This is the one module of `funcnn.verify` that knows the library's own rules. Besides `check`, each of these is compared
with autodiff of its reference, another formulation of the same function, in float64.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from ..rules._catalogue import Entry, catalogue, draw
from ._check import check
from ._errors import relative_errors
from ._settings import compiled_quickly
from .command._guessed_arguments import shown
from .command._targets import TargetError, find
from .command._tasks import HEADS, Row, Task, check_target, run, settled, tasks, write
from .judging._judge import LEVELS
from .report._report import Finding

_TOLERANCE = 1e-10
_CATALOGUE_HEADS = ("rule", "examples", "value", "cotangent", "status", "seconds")


def main(argv: Sequence[str] | None = None) -> int:
    """Check, print and write; 1 if any rule is wrong, 2 if there is nothing to check, else 0."""
    options = _parser().parse_args(argv)
    jobs = options.jobs or (2 if not options.targets and len(catalogue) > 8 else 1)
    try:
        names = _names(options)
    except TargetError as error:
        print(f"funcnn.verify: {error}", file=sys.stderr)
        return 2
    work, heads = (check_target, HEADS) if options.targets else (_check_entry, _CATALOGUE_HEADS)
    todo = tasks(names, options.level, options.seed, options.budget, jobs)
    try:
        reports = run(work, todo, heads, jobs)
    except TargetError as error:
        print(f"funcnn.verify: {error}", file=sys.stderr)
        return 2
    write(reports, options.html, options.json)
    return int(any(report.status == "fail" for report in reports))


def _parser() -> ArgumentParser:
    parser = ArgumentParser("python -m funcnn.verify", description="Check hand-written derivative rules.")
    target = "package.module or file.py, with :name for one function of it (default: this library's own rules)"
    parser.add_argument("targets", nargs="*", metavar="target", help=target)
    parser.add_argument("--level", choices=list(LEVELS), default="fast", help="how thoroughly (default: fast)")
    parser.add_argument("--html", type=_file, metavar="FILE", help="write a page")
    parser.add_argument("--json", type=_file, metavar="FILE", help="write the reports as JSON")
    parser.add_argument("--budget", type=float, metavar="SECONDS", help="for the whole run")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of everything that is drawn (default: 0)")
    parser.add_argument(
        "--jobs", type=_count, metavar="N", help="worker processes (default: 1, or 2 for the whole library)"
    )
    return parser


def _file(text: str) -> Path:
    path = Path(text)
    if not path.parent.is_dir():
        raise ValueError
    return path


def _count(text: str) -> int:
    if int(text) < 1:
        raise ValueError
    return int(text)


_file.__name__, _count.__name__ = "file in an existing folder", "number above 0"  # as argparse names them in its errors


def _names(options: Namespace) -> list[tuple[str, str]]:
    """Where each rule is and what it is called."""
    if not options.targets:
        return [("", name) for name in catalogue]
    return [(target.partition(":")[0], name) for target in options.targets for name in find(target)[1]]


def _check_entry(task: Task) -> Row:
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


if __name__ == "__main__":
    # By the module's own name, under which worker processes can find its functions; they cannot under "__main__".
    from .__main__ import main as named_main

    sys.exit(named_main())
