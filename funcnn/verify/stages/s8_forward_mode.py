"""S8 by forward mode: the backward pass can be transposed, and its transpose is the function's tangent."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ..._forward import NoTangentError, forward
from .._errors import one_line
from .._settings import compiled_quickly, settings
from ..judging._finite_differences import Scalar
from ..judging._judge import beyond
from ..judging._point import Arrays, Point, nudged, ravel
from ..judging._sides import cast
from ..judging._tolerance import tangent_slack
from ..judging._trial import Trial
from ..judging._verdict import decide
from ..report._report import Finding

Call = Callable[[Arrays, Arrays], list[Any]]


def forward_mode(trial: Trial, point: Point, along: Arrays) -> None:
    """S8: the tangent of the rule by `funcnn.forward` is the truth's; a note where there is no such tangent."""
    problem, sides, ledger = trial.problem, trial.sides, trial.ledger
    if not any(isinstance(rule, jax.custom_vjp) for rule in problem.rules):
        return
    along = problem.domains.tangent(point.floats, along)
    by_rule, by_autodiff = (_tangent(call, point, along) for call in (forward(problem.rule.call), problem.bare.call))
    floats = cast(point, sides.dtype)[0]
    try:
        with settings(sides.dtype):
            both = compiled_quickly(lambda floats: (by_rule(floats), by_autodiff(floats)))
            rule, truth = (ravel(tangents) for tangents in jax.tree.map(np.asarray, both(floats)))
    except NoTangentError as error:
        ledger.add(Finding("S8", "note", str(error)))
    except Exception as error:
        ledger.skip("S8 forward mode", one_line(error))
    else:
        _judge(trial, point, along, rule, truth, lambda floats: ravel(jax.tree.map(np.asarray, both(floats)[1])))


def _tangent(call: Call, point: Point, along: Arrays) -> Callable[[Arrays], list[Any]]:
    """The tangents of a function's results along a direction, as a function of its floats."""

    def tangent(floats: Arrays) -> list[Any]:
        dots = [np.asarray(w, a.dtype) for w, a in zip(along, floats, strict=True)]
        return jax.jvp(lambda floats: call(floats, list(point.ints)), (list(floats),), (dots,))[1]

    return tangent


def _judge(
    trial: Trial,
    point: Point,
    along: Arrays,
    rule: np.ndarray,
    truth: np.ndarray,
    again: Callable[[Arrays], np.ndarray],
) -> None:
    """Compare the tangents; where they differ, finite differences of the function decide."""
    sides, ledger = trial.sides, trial.ledger
    ledger.count("S8", bool(np.isfinite(truth).any()))
    if not beyond(rule, truth, tangent_slack(truth, 0.0, sides.eps)).any():
        return
    with settings(sides.dtype):
        near = [again(cast(nudged(point, sides.eps, trial.rng), sides.dtype)[0]) for _ in range(2)]
    moved = np.max([np.abs(a - truth) for a in near], axis=0)
    wrong = beyond(rule, truth, tangent_slack(truth, moved, sides.eps))
    if not wrong.any():
        return
    i = int(np.argmax(np.where(wrong, np.nan_to_num(np.abs(rule - truth), nan=np.inf), -1)))

    def output(t: float) -> float:
        there = tuple(a + t * d for a, d in zip(point.floats, along, strict=True))
        floats = trial.problem.domains.moved(point.floats, there)
        return float(ravel(sides.run(trial.problem.bare, point._replace(floats=floats), "float64").outputs)[i])

    start = output(0.0)
    scalar = Scalar(np.zeros(1), lambda t: output(float(t[0])) - start, autodiff_row=None)
    verdict = decide(scalar, rule[[i]], truth[[i]], np.array([True]), trial.rng)
    if verdict.status == "fail":
        message, guess = f"{verdict.why}, in the transpose of its backward pass", "a transpose written by hand"
        ledger.add(Finding("S8", "fail", message, got=float(rule[i]), expected=verdict.expected, guess=guess))
