"""What the stages of a check share: running both sides at a point, judging them, and keeping what was found."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._settings import settings
from .._time_limit import OutOfTimeError
from ..report._report import Finding
from ._battery import cotangents
from ._finite_differences import differences
from ._ledger import EnoughError
from ._likely_cause import guess_cause
from ._point import Point, error_map, nudged, place, ravel
from ._problem import Problem, Side
from ._scalar_at import scalar_at
from ._sides import EPS, Dtypes
from ._verdict import decide

_MOST_BY_DIFFERENCES = 64  # numbers in the arguments, where finite differences are all there is to judge by


class Context:
    """One check under way.

    Attributes:
      problem, level, rng: what is checked, how thoroughly (0, 1, 2), and where draws come from.
      findings, skipped: so far.
      dtype: "float64", or "float32" for a rule that cannot be run in float64.
      eps: unit roundoff to expect of the rule at that dtype.
      far: whether inputs far from the example may be tried; a loop that counts no steps might never end there.
      decomposes: whether either side decomposes matrices.
      callbacks: whether either side calls back to the host.
      trusted: whether autodiff is the truth; where it is not, finite differences near the example are.
      typical: for each argument, how large its cotangent is at the example for a cotangent of 1.
      marks, constants: what the programs look for in their arguments.
      indexed, wraps: lengths of the axes that the function indexes, and whether it takes whole numbers modulo another.
      first: whether to stop at the first failure.
    """

    def __init__(self, problem: Problem, level: int, seed: int, budget: float, first: bool = False):
        self.problem, self.level, self.first = problem, level, first
        self.rng = np.random.default_rng((seed, 0x5EED))  # no user's own example is drawn from this
        self.findings: list[Finding] = []
        self.skipped: list[tuple[str, str]] = []
        self.deadline = time.monotonic() + budget
        self.dtype, self.eps = "float64", EPS["float64"]
        self.trusted = problem.mode != ""
        self.typical = [0.0] * len(problem.floats)
        rule, bare = problem.facts()
        self.constants = sorted({*rule.constants, *bare.constants})
        self.marks, self.indexed, self.wraps = bare.marks, bare.indexed, bare.wraps
        self.decomposes = rule.decomposes or bare.decomposes
        self.callbacks = rule.callbacks or bare.callbacks
        self.far = self.trusted and not (rule.unbounded or bare.unbounded)
        if "float32" in rule.dtypes | bare.dtypes:  # computed in float32 whatever comes: held to float32
            self.eps = EPS["float32"]
        for half in ("bfloat16", "float16"):
            if half in bare.dtypes:
                self.eps = max(self.eps, EPS[half])
        self._last: tuple[Any, Any] = (None, None)
        self._shapes: dict[Any, list[tuple[int, ...]]] = {}
        self._apart: set[str] = set()  # kinds of points at which the two sides cannot run in one program

    def failed(self) -> bool:
        return any(finding.status == "fail" for finding in self.findings)

    def add(self, stage: str, status: str, message: str, **details) -> None:
        """Keep a finding, the first of its stage, status and argument."""
        finding = Finding(stage, status, message, **details)
        if not any((f.stage, f.status, f.argument) == (stage, status, finding.argument) for f in self.findings):
            self.findings.append(finding)
        if status == "fail" and self.first:
            raise EnoughError

    def skip(self, what: str, why: str) -> None:
        """List what could not be run, once."""
        if (what, why) not in self.skipped:
            self.skipped.append((what, why))

    def in_time(self) -> None:
        """Raise OutOfTimeError once the budget is spent."""
        if time.monotonic() > self.deadline:
            raise OutOfTimeError

    def run(self, side: Side, point: Point, dtype: Dtypes | None = None) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Outputs and cotangents of one side, at a dtype (the context's own by default) or at one for each argument."""
        self.in_time()
        dtype = dtype or self.dtype
        if self._last[0] is not point or self._last[1] != dtype:
            self._last, self._results = (point, dtype), self._run(point, dtype)
        result: Any = self._results[0 if side is self.problem.rule else 1]
        return result() if isinstance(result, partial) else result

    def _run(self, point, dtype) -> Any:
        """Both sides in one program; or, where one of them cannot be run, each by itself when it is asked for."""
        floats, cots = self.cast(point, dtype)
        args = floats, list(point.ints), cots

        def alone(side):
            with settings():
                return jax.tree.map(np.asarray, side.fast_bars(*args))

        if self.problem.mode and point.kind not in self._apart:
            try:
                with settings():
                    return jax.tree.map(np.asarray, self.problem.both(*args))
            except Exception:
                self._apart.add(point.kind)
        return partial(alone, self.problem.rule), partial(alone, self.problem.bare)

    def cast(self, point: Point, dtype: Dtypes) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The point's inputs in a dtype, or one each; the cotangents take that of their outputs later."""
        dtypes = (dtype,) * len(point.floats) if isinstance(dtype, str) else dtype
        floats = [np.asarray(a).astype(jnp.dtype(d)) for a, d in zip(point.floats, dtypes, strict=True)]
        return floats, [np.asarray(g, np.float64) for g in point.cots]

    def points(self, kind: str, floats, ints, cots: tuple[str, ...] = ("normal",)) -> list[Point]:
        """A point for each kind of cotangent."""
        drawn = cotangents(self.output_shapes(floats, ints), self.rng)
        return [Point(f"{kind}, {name} cotangent", floats, ints, g) for name, g in drawn if name in cots]

    def output_shapes(self, floats, ints) -> list[tuple[int, ...]]:
        """The shapes of the truth's results."""
        key = tuple((np.shape(a), getattr(a, "dtype", None)) for a in (*floats, *ints))
        if key not in self._shapes:
            with settings():
                specs = [jax.ShapeDtypeStruct(np.shape(a), "float64") for a in floats]
                try:
                    self._shapes[key] = [y.shape for y in jax.eval_shape(self.problem.bare.call, specs, list(ints))]
                except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError):
                    return [y.shape for y in self.outputs(floats, ints)]
        return self._shapes[key]

    def measure(self, point: Point) -> None:
        """Take the example's cotangents as the typical ones."""
        if self.trusted:
            truth = self.run(self.problem.bare, point, "float64")[1]
            size = largest(point.cots) or 1.0
            self.typical = [np.abs(t).max(initial=0, where=np.isfinite(t)) / size for t in truth]

    def growth(self, point: Point, size: Callable) -> float:
        """How much larger than at the example the terms may be that cancel at a point: products of two arguments."""
        before = [a.astype(np.float64) for a in self.problem.floats]
        return np.clip(size(point.floats) / max(size(before), 1e-3), 1, 100) ** 2

    def outputs(self, floats, ints) -> list[np.ndarray]:
        """The truth's value."""
        with settings():
            floats = [np.asarray(a, np.float64) for a in floats]
            return [np.asarray(y) for y in self.problem.bare.fast_call(floats, list(ints))]

    def truth(self, point: Point) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """The true cotangents, and how far rounding alone may move them; NaN where the truth is not known."""
        if not self.trusted:
            return differences(scalar_at(self, point), [a.shape for a in point.floats])
        here = self.run(self.problem.bare, point, "float64")[1]
        g = largest(point.cots)
        both = zip(
            self.typical, self.jitter(self.problem.bare, point), self.jitter(self.problem.rule, point), strict=True
        )
        # No more of the rule's than rounding explains: it may be wrong at this point only, and right beside it.
        return here, [np.fmax(bare, np.fmin(rule, 1e-7 * g * typical)) for typical, bare, rule in both]

    def jitter(self, side: Side, point: Point) -> list[np.ndarray]:
        """How far a side's cotangents move where the point does by a rounding: its own errors show in it as well."""
        dtype = "float64" if side is self.problem.bare else self.dtype
        here, noise = self.run(side, point, dtype)[1], [np.zeros(a.shape) for a in point.floats]
        for _ in range(2):
            moved = self.run(side, nudged(point, self.eps, self.rng), dtype)[1]
            with np.errstate(invalid="ignore"):
                steps = [np.abs(m.astype(np.float64) - a.astype(np.float64)) for m, a in zip(moved, here, strict=True)]
            noise = [np.fmax(n, step) for n, step in zip(noise, steps, strict=True)]
        return noise

    def compare(self, stage: str, point: Point, worst: str = "fail") -> None:
        """Judge the rule's cotangents at a point against the truth, and let finite differences settle a difference."""
        problem = self.problem
        if not self.trusted and ravel(point.floats).size > _MOST_BY_DIFFERENCES:
            self.skip(stage, "autodiff is no judge here, and there is too much for finite differences")
            return
        outputs, rule = self.run(problem.rule, point)
        if self.trusted:
            values, truth = self.run(problem.bare, point, "float64")
            if not self._defined(point, outputs, values):
                return
            if not self._wrong(point, rule, truth, [0.0] * len(rule)).any():
                return
        truth, noise = self.truth(point)
        mask, at_kinks = self._wrong(point, rule, truth, noise), False
        if not mask.any():  # what jumps as far as it is off may be a kink, and no rounding
            large = [np.where(n > 1e-3 * np.abs(t).max(initial=0), 0.0, n) for n, t in zip(noise, truth, strict=True)]
            mask, at_kinks = self._wrong(point, rule, truth, large), True
        if not mask.any():
            return
        flat = [ravel(arrays) for arrays in (point.floats, rule, truth)]
        verdict = decide(scalar_at(self, point), flat[1], flat[2], mask, self.rng)
        if at_kinks and not (verdict.status == "fail" and verdict.kink):
            return
        if verdict.status == "pass" and verdict.smooth and self.trusted and stage == "S2":
            self.trusted = self.far = False
            self.add(stage, "note", "finite differences contradict autodiff of the function, and are the judge instead")
            self.compare(stage, point, worst)
            return
        if np.isfinite(flat[0]).all() or (verdict.status != "inconclusive" and self._finite_op_by_op(point)):
            self._found(stage, point, verdict, (rule, truth), mask, worst)

    def _defined(self, point, outputs, values):
        """Whether the function has values at the point; where arguments are infinite these must not be."""
        finite = all(np.isfinite(a).all() for a in point.floats)
        fine = (lambda y: not np.isnan(y).any()) if finite else (lambda y: np.isfinite(y).all())
        return all(fine(y.astype(np.float64)) for y in (*outputs, *values))

    def _finite_op_by_op(self, point):
        """Whether the function has finite values without the compiler, which takes 0 · NaN for 0 where it sees a mask."""
        floats = [jnp.asarray(a) for a in self.cast(point, "float64")[0]]
        with settings(), jax.disable_jit():
            return all(np.isfinite(y).all() for y in self.problem.bare.call(floats, list(point.ints)))

    def _found(self, stage, point, verdict, both, mask, worst):
        names = self.problem.names
        i = verdict.place if verdict.place >= 0 else int(np.flatnonzero(mask)[0])
        leaf, index = place(i, point.floats)
        details = {"argument": names[leaf], "inputs": point.kind}
        if verdict.status == "pass":
            if verdict.why:
                self.add(stage, "note", verdict.why, **details)
            return
        rule, truth = (arrays[leaf] for arrays in both)
        status = "note" if worst == "note" else verdict.status
        details |= {"index": index, "got": float(ravel(both[0])[i]), "expected": float(verdict.expected)}
        others = [t for j, t in enumerate(both[1]) if j != leaf]
        guess = guess_cause(rule, truth, point.floats[leaf], others)
        if not self.trusted and status == "fail":
            verdict = verdict._replace(why="finite differences from both sides agree against it")
        self.add(
            stage, status, f"{verdict.why}, in the cotangent of", guess=guess, errors=error_map(rule, truth), **details
        )

    def _wrong(self, point, rule, truth, noise):
        """Where the rule is off by more than rounding explains, over all numbers of all arguments."""
        masks, g = [], largest(point.cots) * self.growth(point, largest)  # what cancels
        for r, t, n, typical in zip(rule, truth, noise, self.typical, strict=True):
            with np.errstate(invalid="ignore", over="ignore"):
                top = np.max(np.abs(t), where=np.isfinite(t), initial=0.0)
                slack = 16 * n + self.eps * (1e3 * np.abs(t) + 1e4 * top + 1e3 * g * typical)
                slack = slack + np.finfo(np.float64).tiny
                masks.append(np.isfinite(t) & ~(np.abs(r.astype(np.float64) - t) <= slack))
        x, r = ravel(point.floats), ravel(rule)
        tellable = np.isfinite(x) | ~np.isfinite(r)  # by an infinite number there is no slope; only NaN is wrong there
        return (np.concatenate([m.ravel() for m in masks]) if masks else np.zeros(0, bool)) & tellable


def largest(arrays):
    """The largest finite number of some arrays."""
    return max((np.abs(a).max(initial=0, where=np.isfinite(a)) for a in arrays), default=0.0)


def same_value(context: Context, y: np.ndarray, value: np.ndarray, kind: str) -> None:
    """Hold what fwd returns to what the function returns."""
    if (y.shape, y.dtype) != (value.shape, value.dtype):
        what = f"{y.dtype}{list(y.shape)}, the function {value.dtype}{list(value.shape)}"
        context.add("S0", "fail", f"fwd returns {what}")
        return
    eps = max(EPS[str(value.dtype)], context.eps)
    y, value = y.astype(np.float64), value.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        largest = np.max(np.abs(value), initial=0, where=np.isfinite(value))
        off = np.isfinite(value) & ~(np.abs(y - value) <= 1e3 * eps * (np.abs(value) + largest) + 1e-14)
    if off.any():
        index = tuple(map(int, np.argwhere(off)[0]))
        context.add("S0", "fail", "fwd's value is not the function's, at", argument="y", index=index,
                    got=float(y[index]), expected=float(value[index]), inputs=kind)  # fmt: skip
