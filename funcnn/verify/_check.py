"""One rule, every way that it can be wrong."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ._errors import one_line
from ._settings import KEPT_ARRAYS, of_kept_arrays, quiet_callbacks
from ._time_limit import OutOfTimeError, within
from .judging._arguments import left_out
from .judging._domain import EVERYWHERE
from .judging._domains import check_names
from .judging._ledger import NOTHING_TO_COMPARE, EnoughError, Ledger
from .judging._problem import make_problem
from .judging._sides import Sides
from .judging._trial import Trial, conclude
from .mutate._mutants import score_of
from .programs._unseen import unseen, unseen_said
from .report._report import LEFT_OUT, Finding, Report
from .stages._table import LEVELS, STAGES, Stage
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
    everything: bool = False,
    domain: Mapping[str, Any] | None = None,
) -> Report:
    """Check a hand-written derivative rule from one example call.

    The rule's cotangents are compared, element by element and in float64, with autodiff of the function without its
    rules. That is done at the example and at a battery of inputs made from it. Where the two differ, finite differences
    decide.

    Args:
      f: a `jax.custom_vjp` function, or any function that calls some.
      *args: one natural call's arguments: arrays, pytrees of them, ints, keys. A complex argument ``z`` is checked as its
        parts ``z.real`` and ``z.imag``, by JAX's convention: the cotangent multiplies z_dot, and is not conjugated.
      reference: a plain function whose autodiff is the truth; by default f without its rules.
      surrogate: whether the backward pass is meant to differ from the derivative; then only contract, transformations and
        determinism are checked.
      level: "fast", "full" or "deep".
      seed: of everything that is drawn.
      budget: seconds after which the remaining stages are skipped; by default 60, 300 or 1,800 by level. What has not
        ended five seconds later, a loop without end say, is given up.
      mutate: whether to score the check itself as well. The rule's backward pass is broken in up to 50 ways, or as many
        as are given. ``report.score`` says how many of these a check at level "fast" finds, and which it does not.
      everything: whether the rules that JAX itself ships are checked as well. They are a part of autodiff otherwise.
      domain: the set in which an argument always lies, by its name, ``x`` or ``params['w']``. It is ``(low, high)``, of
        which None is no bound, or "symmetric", "positive definite", "simplex", "unit", "orthogonal", "increasing",
        "lower triangular", "upper triangular", "positive" or "probability". All inputs stay there. Of cotangents it is
        the part along the set that is compared. None is no domain.

    Returns:
      A `Report`: ``print`` it, read its ``status`` or ``ok``, or call its ``raise_for_failure()``.

    Raises:
      TypeError: f is not a function, or nothing in its arguments or results is floating-point.
      ValueError: level is unknown; f does not take args; or it calls no custom rule and there is no reference. Also where
        domain names no argument or no set, or the example does not lie in it.

    Example:
      >>> check(tanh, jnp.array([0.5, -1.0], jnp.float32), level="fast").status
      'pass'
    """
    if level not in LEVELS:
        raise ValueError(f"level must be one of {', '.join(LEVELS)}, got {level!r}")
    if not isinstance(domain, Mapping | None):
        raise TypeError(f"domain must be a dictionary, of a set by an argument's name, got {type(domain).__name__}")
    budget = BUDGETS[level] if budget is None else budget
    if not (isinstance(budget, (int, float)) and 0 <= budget < math.inf):
        raise ValueError(f"budget must be a number of seconds, 0 or more, got {budget!r}")
    run = _Run(f, args, reference, surrogate, level, seed, budget, everything, domain or {})
    report = run.within_budget()
    if not mutate:
        return report
    fast = partial(_Run, reference=reference, surrogate=surrogate, level="fast", seed=seed, budget=BUDGETS["fast"],
                   everything=everything, domain=domain or {}, first=True)  # fmt: skip
    score = score_of(f, args, 50 if mutate is True else mutate, seed, lambda mutant: fast(mutant, args).within_budget())
    return report._replace(score=score, seconds=time.monotonic() - run.start)


@dataclass
class _Run:
    """One check, callable, whose findings so far can be had while it is still under way."""

    f: Callable[..., Any]
    args: tuple[Any, ...]
    reference: Callable[..., Any] | None
    surrogate: bool
    level: str
    seed: int
    budget: float
    everything: bool = False
    domain: Mapping[str, Any] = field(default_factory=dict)
    first: bool = False  # whether the first failure ends it
    start: float = field(default_factory=time.monotonic)
    ledger: Ledger | None = None
    under_way: Stage | None = None
    passed: list[str] = field(default_factory=list)
    compared: dict[str, int] = field(default_factory=dict)
    late: list[Finding] = field(default_factory=list)
    cost: dict[str, Any] | None = None

    def within_budget(self) -> Report:
        """The report of the run, which is given up if it does not end."""
        try:
            with quiet_callbacks():
                within(self.budget + _GRACE, self)
        except OutOfTimeError:
            code, title = "S0", "the first trace of the function"
            if self.under_way:
                code, title = self.under_way.codes[0], self.under_way.title
            message = f"had not ended when the time budget was spent: {title}"
            self.late.append(Finding(code, "inconclusive", message))
        return self.report()

    @np.errstate(all="ignore")  # infinities and NaN are among the inputs, and warnings may be errors
    def __call__(self) -> None:
        problem = make_problem(self.f, self.args, self.reference, self.everything, self.domain)
        check_names(problem.names, self.domain)
        hidden = _unseen(self.f, self.args) if self.reference is None else 0
        if hidden:
            message = f"{unseen_said(hidden)}, hence no truth without them: pass a reference"
            self.late.append(Finding("S0", "inconclusive", message))
            if not problem.rules:
                return
        if not problem.rules and self.reference is None:
            more = "" if self.everything else "; everything=True checks those that JAX ships, too"
            raise ValueError(f"{problem.name} calls no custom_vjp or custom_jvp function, so there is nothing to check: "
                             f"pass the function that does, or a reference to compare with{more}")  # fmt: skip
        rng = np.random.default_rng((self.seed, 0x5EED))  # no user's own example is drawn from this
        self.ledger = Ledger(self.budget, self.first)
        for name in left_out(self.f, self.args):
            self.ledger.skip(name, LEFT_OUT)
        sides = Sides(problem, rng, self.ledger.in_time)
        trial = Trial(problem, sides, self.ledger, rng, LEVELS[self.level], self.surrogate)
        for name, domain in zip(problem.names, problem.domains.each, strict=True):
            if domain is not EVERYWHERE and name not in self.domain:
                self.ledger.skip(
                    f"{name} that is not {domain.name}", "the example is, and the function reads no more of it"
                )
        try:
            for stage in STAGES:
                self.under_way = stage
                self._stage(stage, trial)
            if not self.surrogate:
                conclude(trial)
        except EnoughError:
            return
        self.cost = cost(trial)

    def _stage(self, stage: Stage, trial: Trial) -> None:
        """Run a stage, if it is meant to be run here, and note whether it passed."""
        ledger = trial.ledger
        if self.surrogate and not stage.for_surrogates:
            ledger.skip(stage.title, "meant to differ from the derivative")
        elif trial.level < stage.level:
            ledger.skip(stage.title, f"not at level {self.level}")
        else:
            before = len(ledger.findings)
            ran = _ran(stage, trial)
            self.compared[stage.title] = sum(ledger.compared[code] for code in stage.codes)
            if ran and all(f.status == "note" for f in ledger.findings[before:]):
                if self.compared[stage.title]:
                    self.passed.append(stage.title)
                else:
                    ledger.skip(stage.title, NOTHING_TO_COMPARE)

    def report(self) -> Report:
        """What was found until now."""
        ledger, name = self.ledger, getattr(self.f, "__name__", type(self.f).__name__)
        findings = tuple(ledger.findings) if ledger else ()
        skipped = ledger.left_out() if ledger else ()
        replay = f"funcnn.verify.check({name}, *args, level={self.level!r}, seed={self.seed})"
        return Report(name, (*findings, *self.late), tuple(self.passed), skipped,
                      time.monotonic() - self.start, replay, self.cost, compared=tuple(self.compared.items()))  # fmt: skip


def _unseen(f: Callable[..., Any], args: tuple[Any, ...]) -> int:
    try:
        return unseen(f, args)
    except Exception:
        return 0  # what cannot be traced runs as it is, so no program of it was traced before


def _ran(stage: Stage, trial: Trial) -> bool:
    """Run a stage and say whether it did; what keeps it from ending is listed, never passed over."""
    try:
        return stage.run(trial)
    except OutOfTimeError:
        trial.ledger.skip(stage.title, "the time budget was spent")
        why = "the time budget was spent before it ended"
    except Exception as error:
        if of_kept_arrays(error):
            trial.ledger.skip(stage.title, KEPT_ARRAYS)
            return False
        why = f"could not be run: {one_line(error)}"
    trial.ledger.add(Finding(stage.codes[0], "inconclusive", why))
    return False
