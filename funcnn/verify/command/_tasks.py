"""Check many rules: one after another or side by side, within a time budget, told as a table, a page and JSON."""

import json
import platform
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import jax
from tqdm import tqdm

from .._check import check
from .._errors import first_line, one_line
from ..report._page import counts, page
from ..report._report import LEFT_OUT, Finding, Report
from ..stages._table import STAGES
from ._arguments import NoExampleError, examples_of
from ._targets import TargetError, find


class Task(NamedTuple):
    """One rule to check, as a worker process gets it.

    Attributes:
      target: the module or file that it is in.
      name: its name there.
      label: what the table calls it: its name, after its module's where several are searched.
      level, seed: as for `check`.
      deadline: of the whole run, on the clock of `time.time`; None for no end.
      sharers: how many rules one process has still to check until then, this one included.
    """

    target: str
    name: str
    label: str
    level: str
    seed: int
    deadline: float | None
    sharers: float

    def budget(self) -> float | None:
        """The seconds that this rule may take."""
        return None if self.deadline is None else (self.deadline - time.time()) / self.sharers


class Row(NamedTuple):
    """The result of a task.

    Attributes:
      report: on the rule.
      cells: of its row, in the order of the table's heads.
      warnings: what was warned of meanwhile, a line each.
    """

    report: Report
    cells: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def tasks(names: Sequence[tuple[str, str]], level: str, seed: int, budget: float | None, jobs: int) -> list[Task]:
    """A task for each ``(target, name)``; what is left of the budget is divided over the rules that are left."""
    deadline = None if budget is None else time.time() + budget
    left = range(len(names), 0, -1)
    one = len({target for target, _ in names}) == 1
    return [
        Task(target, name, name if one else f"{target}:{name}", level, seed, deadline, max(1.0, n / jobs))
        for (target, name), n in zip(names, left, strict=True)
    ]


HEADS = ("rule", "status", "seconds", "example")


def check_target(task: Task) -> Row:
    """Check one rule of a module. Where something keeps it from being checked, the report says what."""
    report = settled(task, lambda budget: check_named(task.target, task.name, task.level, task.seed, budget))
    report = report._replace(replay=replayed(task.target, task.name, task.level, task.seed))
    without = ", ".join(name for name, reason in report.skipped if reason == LEFT_OUT)
    example = f"{report.example}, without {without}" if without else report.example
    return Row(report, (report.name, report.status, f"{report.seconds:.1f}", example))


def check_named(target: str, name: str, level: str, seed: int = 0, budget: float | None = None) -> Report:
    """Check one function of a module on the examples that are found for it.

    Raises:
      NoExampleError: no arguments are found for it.
      TargetError: there is no such function, or what the module declares is not an example.
      Exception: whatever `check` raises.
    """
    module, functions = find(f"{target}:{name}")
    f = functions[name]
    examples = examples_of(module, name, f)
    share = None if budget is None else budget / len(examples.calls)
    report = _merged([check(f, *call, level=level, seed=seed, budget=share) for call in examples.calls])
    return report._replace(name=name, example=examples.origin, replay=replayed(target, name, level, seed))


def replayed(target: str, name: str, level: str, seed: int) -> str:
    """The command that checks one rule again."""
    return f"python -m funcnn.verify {target}:{name} --level {level} --seed {seed}"


def settled(task: Task, checked: Callable[[float | None], Report]) -> Report:
    """The report of a task; inconclusive where its turn comes too late, or where it cannot be checked at all."""
    start, budget = time.monotonic(), task.budget()
    if budget is not None and budget <= 0:
        return _unsettled(task.label, "budget spent: the time was over before its turn came")
    try:
        report = checked(budget)
    except NoExampleError as error:
        report = _unsettled(task.label, str(error))
    except TargetError:
        raise
    except Exception as error:  # of the rule's own: one that cannot be run keeps no other from being checked
        report = _unsettled(task.label, f"it cannot be checked: {one_line(error)}")
    return report._replace(name=task.label, seconds=time.monotonic() - start)


def _unsettled(name: str, reason: str) -> Report:
    return Report(name, (Finding("", "inconclusive", reason),), (), (), 0.0, "")


def _merged(reports: Sequence[Report]) -> Report:
    """Several reports on one rule as one. A stage has passed where it has passed in all, an option was run if in any."""
    first, *others = reports
    if not others:
        return first
    findings = {str(finding): finding for report in reports for finding in report.findings}
    everywhere = set.intersection(*(set(report.skipped) for report in reports))
    skipped = {pair: None for report in reports for pair in report.skipped if pair[1] != LEFT_OUT or pair in everywhere}
    passed = tuple(stage for stage in first.passed if all(stage in other.passed for other in others))
    compared = sum((Counter(dict(report.compared)) for report in reports), Counter())
    return first._replace(
        findings=tuple(findings.values()), skipped=tuple(skipped), passed=passed, compared=tuple(compared.items())
    )


def run(work: Callable[[Task], Row], todo: Sequence[Task], heads: Sequence[str], jobs: int = 1) -> list[Report]:
    """Do every task; print its row as soon as it is known, then the whole report of each that did not pass."""
    formats = [_FORMATS.get(head, f"<{max(len(head), *(len(task.label) for task in todo))}") for head in heads]
    reports, warned = [], {}
    print(_line(heads, formats))
    with _mapping(min(jobs, len(todo))) as mapping:
        quiet = partial(_warnings_kept, work)
        for row in tqdm(mapping(quiet, todo), total=len(todo), unit="rule", file=sys.stderr, disable=None):
            tqdm.write(_line(row.cells, formats))
            reports.append(row.report)
            warned |= dict.fromkeys(row.warnings)
    for report in reports:
        if not report.ok:
            print(f"\n{report}")
    if warned:
        print("", "warnings:", *warned, sep="\n")
    print(f"\n{counts(reports)}")
    return reports


def _warnings_kept(work: Callable[[Task], Row], task: Task) -> Row:
    """A task's row; its warnings, which would be printed between rows, are kept for the end."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        row = work(task)
    return row._replace(
        warnings=tuple(
            f"{w.category.__name__}: {first_line(w.message) if isinstance(w.message, Warning) else w.message}"
            for w in caught
        )
    )


_FORMATS = {"status": "<12", "seconds": ">7", "examples": ">8", "value": ">8", "cotangent": ">9", "example": ""}


def _line(cells: Sequence[str], formats: Sequence[str]) -> str:
    return "  ".join(f"{cell:{form}}" for cell, form in zip(cells, formats, strict=True)).rstrip()


@contextmanager
def _mapping(jobs: int) -> Iterator[Callable]:
    """``map``, over processes if there is more than one; fresh ones, since JAX must not be forked."""
    if jobs < 2:
        yield map
        return
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        yield pool.map


def write(reports: Sequence[Report], html: Path | None, json_: Path | None) -> None:
    """The reports as a page and as JSON, where files for these are given."""
    if html:
        html.write_text(page(reports, [stage.title for stage in STAGES], _versions()), encoding="utf-8")
    if json_:
        data = {"versions": _versions(), "reports": [json.loads(report.to_json()) for report in reports]}
        json_.write_text(json.dumps(data, indent=1), encoding="utf-8")


def _versions() -> dict[str, str]:
    return {"Python": platform.python_version(), "JAX": jax.__version__, "backend": jax.default_backend()}
