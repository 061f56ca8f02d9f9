"""S8: the backward pass has the derivatives of the true one, at a natural point and where the rule may have a tie."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import one_line
from .._settings import compiled_quickly, settings
from ..judging._battery import battery
from ..judging._finite_differences import Scalar
from ..judging._judge import beyond
from ..judging._point import Arrays, Point, largest, nudged, place, ravel, unraveling
from ..judging._problem import Side
from ..judging._sides import cast
from ..judging._staircase import STAIRCASE, is_staircase
from ..judging._tolerance import SECOND_SLOPE_WIDTHS, TWICE_LINEAR, growth, second_slack, slope_of_bars_slack
from ..judging._trial import Trial
from ..judging._verdict import decide
from ..report._report import Finding
from .s7_transforms import neighbour
from .s8_forward_mode import forward_mode

Derivatives = Callable[[Point], tuple[Arrays, Arrays]]

_STEP = 1e-5  # of a difference of cotangents
_SMALL = 1e-2  # what a number of the point counts as, at least


def second_order(trial: Trial) -> bool:
    """S8: the derivative of the backward pass, where the first order is right."""
    problem, sides, ledger = trial.problem, trial.sides, trial.ledger
    if ledger.failed() or not sides.trusted:
        why = "the first order is wrong already" if ledger.failed() else "no autodiff to compare with"
        ledger.skip("S8 second order", why)
        return False
    if is_staircase(sides):
        ledger.skip("S8 second order", STAIRCASE)
        return False
    if sides.ends_early:
        ledger.skip("S8 second order", "loops end early, and autodiff with them")
        return False
    floats = tuple(neighbour(trial, tuple(a.astype(np.float64) for a in problem.floats)))
    (natural,) = sides.points("", floats, problem.ints)
    weights = [trial.rng.normal(size=a.shape) for a in floats]
    derivatives = _second_derivatives(trial, weights)
    forward_mode(trial, natural, weights)
    try:
        _judge_second_order(trial, natural, weights, derivatives)
        _by_the_cotangent(trial, natural, weights)
    except Exception as error:
        ledger.skip("S8 second order", f"not differentiable twice: {one_line(error)}")
        return False
    if sides.far and _has_its_slope(trial, natural, weights, derivatives):
        _at_ties(trial, weights, derivatives)
    return True


def _at_ties(trial: Trial, weights: Arrays, derivatives: Derivatives) -> None:
    """Where the rule may have a tie, its second derivative is the slope of its cotangents."""
    problem, sides = trial.problem, trial.sides
    inputs = [made for _ in range(3) for made in battery(problem.floats, (), trial.rng) if made[0].ties]
    for kind, floats in inputs:
        with trial.ledger.one_input_less("S8", kind.name):
            _at_a_tie(trial, sides.points(kind.name, floats, problem.ints)[0], weights, derivatives)


def _at_a_tie(trial: Trial, point: Point, weights: Arrays, derivatives: Derivatives) -> None:
    has = _has_its_slope(trial, point, weights, derivatives)
    trial.ledger.count("S8", has is not None)
    if has is False and not _is_autodiffs(trial, point, derivatives):
        message, guess = "the derivative of its cotangents is not their slope", "a tie inside of fwd or bwd"
        trial.ledger.add(Finding("S8", "fail", message, inputs=point.kind, guess=guess))


def _is_autodiffs(trial: Trial, point: Point, derivatives: Derivatives) -> bool:
    """Whether autodiff of the function, twice, gives the rule's second derivative: then JAX is wrong, and not the rule.

    So it is with digamma of a negative number.
    """
    rule, truth = map(ravel, derivatives(point))
    return not beyond(rule, truth, second_slack(truth, 0.0, trial.sides.eps)).any()


def _has_its_slope(trial: Trial, point: Point, weights: Arrays, derivatives: Derivatives) -> bool | None:
    """Whether the rule's second derivative is the slope of its cotangents along some direction.

    None where it is not finite, where rounding moves it, and where the cotangents bend or jump.
    """
    sides = trial.sides
    if sides.dtype != "float64":
        return None
    domains = trial.problem.domains
    along = [np.maximum(np.abs(a), _SMALL) * trial.rng.uniform(0.5, 1, a.shape) for a in point.floats]
    along = domains.tangent(point.floats, along)
    nearly = nudged(point, sides.eps, trial.rng)
    derivative, moved = (ravel(derivatives(p)[0]) @ ravel(along) for p in (point, nearly))

    def at(t: float) -> np.ndarray:
        there = tuple(a + t * d for a, d in zip(point.floats, along, strict=True))
        moved = point._replace(floats=domains.moved(point.floats, there))
        bars = sides.run(trial.problem.rule, moved).bars
        return np.concatenate([np.ravel(w * b) for w, b in zip(weights, bars, strict=True)])

    here = at(0.0)
    slopes = np.array([np.sum(at(t) - here) / t for t in (-_STEP, -_STEP / 2, _STEP / 2, _STEP)])
    cancelling = largest(point.cots) * growth(trial.problem.floats, point.floats, largest)
    terms = np.abs(here).sum() + sum(
        np.abs(w).sum() * size * cancelling for w, size in zip(weights, sides.typical, strict=True)
    )
    slack = slope_of_bars_slack(max(abs(derivative), np.abs(slopes).max()), terms, sides.eps, _STEP)
    steady = np.isfinite([*slopes, derivative, moved]).all() and max(np.ptp(slopes), abs(moved - derivative)) <= slack
    return bool(abs(derivative - slopes.mean()) <= SECOND_SLOPE_WIDTHS * slack) if steady else None


def _judge_second_order(trial: Trial, point: Point, weights: Arrays, derivatives: Derivatives) -> None:
    """Compare both derivatives at a point; where they differ, finite differences of the cotangents decide."""
    sides = trial.sides
    x, rule, truth = (ravel(arrays) for arrays in (point.floats, *derivatives(point)))
    trial.ledger.count("S8", bool(np.isfinite(truth).any()))
    if not beyond(rule, truth, second_slack(truth, 0.0, sides.eps)).any():
        return
    moved = [ravel(derivatives(nudged(point, sides.eps, trial.rng))[1]) for _ in range(2)]
    bars = sides.run(trial.problem.rule, point).bars
    terms = sum(np.abs(w * b).sum() for w, b in zip(weights, bars, strict=True)) / np.maximum(np.abs(x), _SMALL)
    wrong = beyond(rule, truth, second_slack(truth, np.max(np.abs(moved - truth), axis=0), sides.eps, terms))
    if not wrong.any():
        return
    verdict = decide(Scalar(x, _phi_of_bars(trial, point, weights)), rule, truth, wrong, trial.rng)
    if verdict.status != "pass":
        leaf, index = place(verdict.place, point.floats)
        message = f"{verdict.why}, in the second derivative by"
        trial.ledger.add(Finding(
            "S8", verdict.status, message, trial.problem.names[leaf], index,
            got=float(rule[verdict.place]), expected=verdict.expected, guess="a residual under stop_gradient",
        ))  # fmt: skip


def _second_derivatives(trial: Trial, weights: Arrays) -> Derivatives:
    """The function of a point that gives the gradients of ⟨weights, cotangents⟩, by the rule and in truth."""
    sides = trial.problem.rule, trial.problem.bare
    ints, domains = list(trial.problem.ints), trial.problem.domains
    dtypes = trial.sides.dtype, trial.sides.truth

    def gradient(side: Side, floats: Arrays, cots: Arrays) -> Any:
        bars = lambda floats: domains.tangent(floats, side.bars(floats, ints, cots)[1])
        return domains.tangent(floats, jax.grad(lambda floats: _weighted(bars(floats), weights))(floats))

    together = compiled_quickly(lambda *args: tuple(gradient(side, *args) for side in sides))

    def both(point: Point) -> tuple[Arrays, Arrays]:
        if {*dtypes} == {"float64"}:
            with settings():
                return jax.tree.map(np.asarray, together(*cast(point, "float64")))
        rule, truth = (alone(side, point, dtype) for side, dtype in zip(sides, dtypes, strict=True))
        return rule, truth

    def alone(side: Side, point: Point, dtype: str) -> Arrays:
        with settings(dtype):
            return jax.tree.map(np.asarray, gradient(side, *cast(point, dtype)))

    return both


def _by_the_cotangent(trial: Trial, point: Point, weights: Arrays) -> None:
    """What is linear is its own derivative: ⟨weights, cotangents⟩ along the cotangent of the result is that number."""

    def pulled(cots: Arrays) -> Any:
        bars = trial.problem.rule.bars(floats, list(point.ints), cots)[1]
        return _weighted(bars, weights), _weighted([jnp.abs(b) for b in bars], [np.abs(w) for w in weights])

    with settings(trial.sides.dtype):
        floats, cots = cast(point, trial.sides.dtype)
        found = compiled_quickly(jax.value_and_grad(pulled, has_aux=True))(cots)
        (value, size), slopes = jax.tree.map(np.asarray, found)
    slope = ravel(slopes) @ ravel(cots)
    if abs(slope - value) > TWICE_LINEAR * trial.sides.eps * size:
        message, guess = "differentiated along its cotangent, it is not itself", "the cotangent held constant"
        trial.ledger.add(Finding("S8", "fail", message, got=float(slope), expected=float(value), guess=guess))


def _weighted(bars: Sequence[Any], weights: Arrays) -> Any:
    return sum(jnp.sum(jnp.asarray(w, b.dtype) * b) for w, b in zip(weights, bars, strict=True))


def _phi_of_bars(trial: Trial, point: Point, weights: Arrays) -> Callable[[np.ndarray], float]:
    """The scalar that is differentiated a second time, without rules, as a function of one flat vector."""
    unravel = unraveling(point.floats)

    def bars(flat: np.ndarray) -> Arrays:
        at = Point("", trial.problem.domains.moved(point.floats, unravel(flat)), point.ints, point.cots)
        return trial.sides.run(trial.problem.bare, at, "float64").bars

    start = bars(ravel(point.floats))
    return lambda flat: float(sum(np.sum(w * (b - b0)) for w, b, b0 in zip(weights, bars(flat), start, strict=True)))
