"""One rule, every way that it can be wrong."""

import math
import time
from collections.abc import Callable
from typing import Any

from ._errors import one_line
from ._time_limit import OutOfTimeError, within
from .judging._judge import Context
from .judging._ledger import LEVELS, EnoughError
from .judging._problem import make_problem
from .mutate._mutants import score_of
from .report._report import Finding, Report
from .stages._table import STAGES
from .stages.s11_cost import cost

BUDGETS = {"fast": 60.0, "full": 300.0, "deep": 1800.0}
_GRACE = 5.0  # seconds after the budget, in which what is under way may still end


def check(
    f: Callable[..., Any],
    *args: Any,
    reference: Callable[..., Any] | None = None,
    surrogate: bool = False,
    level: str = "full",
    seed: int = 0,
    budget: float | None = None,
    mutate: bool | int = False,
) -> Report:
    """Check a hand-written derivative rule from one example call.

    The rule's cotangents are compared, element by element and in float64, with autodiff of the function without its
    rules, at the example and at a battery of inputs made from it. Where they differ, finite differences decide.

    Args:
      f: a `jax.custom_vjp` function, or any function that calls some.
      *args: one natural call's arguments: arrays, pytrees of them, ints, keys.
      reference: a plain function whose autodiff is the truth; by default f without its rules.
      surrogate: whether the backward pass is meant to differ from the derivative; then only contract, transformations and
        determinism are checked.
      level: "fast", "full" or "deep".
      seed: of everything that is drawn.
      budget: seconds after which the remaining stages are skipped; by default 60, 300 or 1,800 by level. What has not
        ended five seconds later, a loop without end say, is given up.
      mutate: whether to score the check itself as well: the rule's backward pass is broken in up to 50 ways, or as many
        as are given, and ``report.score`` says how many of these a check at level "fast" finds, and which it does not.

    Returns:
      A `Report`: ``print`` it, ask its ``status`` or ``ok``, or let it ``raise_for_failure()``.

    Raises:
      TypeError: f is no function, or nothing in its arguments or results is floating-point.
      ValueError: level is unknown; f does not take args; or it calls no custom rule and there is no reference.

    Example:
      >>> check(tanh, jnp.array([0.5, -1.0], jnp.float32), level="fast").status
      'pass'
    """
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}, got {level!r}")
    budget = BUDGETS[level] if budget is None else budget
    if not (isinstance(budget, (int, float)) and 0 <= budget < math.inf):
        raise ValueError(f"budget must be a number of seconds, 0 or more, got {budget!r}")
    run = _Run(f, args, reference, surrogate, level, seed, budget)
    report = run.within_budget()
    if not mutate:
        return report
    score = score_of(f, args, 50 if mutate is True else mutate, seed, lambda mutant: _Run(
        mutant, args, reference, surrogate, "fast", seed, BUDGETS["fast"], first=True).within_budget())  # fmt: skip
    return report._replace(score=score, seconds=time.monotonic() - run.start)


class _Run:
    """One check, callable, whose findings so far can be had while it is still under way."""

    def __init__(self, f, args, reference, surrogate, level, seed, budget, first=False):
        self.f, self.args, self.reference, self.surrogate = f, args, reference, surrogate
        self.level, self.seed, self.budget, self.first = level, seed, budget, first
        self.start, self.under_way = time.monotonic(), "the first trace of the function"
        self.context: Context | None = None
        self.passed: list[str] = []
        self.late: list[Finding] = []
        self.cost: dict[str, Any] | None = None

    def within_budget(self) -> Report:
        """The report of the run, which is given up if it does not end."""
        try:
            within(self.budget + _GRACE, self)
        except OutOfTimeError:
            self._give_up()
        return self.report()

    def __call__(self) -> None:
        problem = make_problem(self.f, self.args, self.reference)
        if not problem.rules and self.reference is None:
            raise ValueError(f"{problem.name} calls no custom_vjp or custom_jvp function, so there is nothing to check: "
                             "pass the function that does, or a reference to compare with")  # fmt: skip
        context = self.context = Context(problem, LEVELS[self.level], self.seed, self.budget, self.first)
        try:
            for name, (stage, lowest, for_surrogates) in STAGES.items():
                self.under_way = name
                if self.surrogate and not for_surrogates:
                    context.skip(name, "meant to differ from the derivative")
                elif context.level < lowest:
                    context.skip(name, f"not at level {self.level}")
                else:
                    before = len(context.findings)
                    if _ran(context, name, stage) and not any(f.status != "note" for f in context.findings[before:]):
                        self.passed.append(name)
        except EnoughError:
            return
        self.cost = cost(context)

    def _give_up(self) -> None:
        """The budget is over and a stage is still under way."""
        stage = self.under_way.split()[0] if self.context else "S0"
        self.late.append(
            Finding(stage, "inconclusive", f"had not ended when the time budget was spent: {self.under_way}")
        )

    def report(self) -> Report:
        """What was found until now."""
        context, name = self.context, getattr(self.f, "__name__", type(self.f).__name__)
        findings = tuple(context.findings) if context else ()
        skipped = tuple(context.skipped) if context else ()
        replay = f"funcnn.verify.check({name}, *args, level={self.level!r}, seed={self.seed})"
        return Report(name, (*findings, *self.late), tuple(self.passed), skipped,
                      time.monotonic() - self.start, replay, self.cost)  # fmt: skip


def _ran(context, name, stage):
    """Run a stage and say whether it did; what keeps it from ending is listed, never passed over."""
    try:
        return stage(context) is not False
    except OutOfTimeError:
        context.skip(name, "the time budget was spent")
        context.add(name.split()[0], "inconclusive", "the time budget was spent before it ended")
        return False
    except Exception as error:
        context.add(name.split()[0], "inconclusive", f"could not be run: {one_line(error)}")
        return False
