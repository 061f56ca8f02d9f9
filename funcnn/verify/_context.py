"""What the stages of a check share: running both sides at a point, judging them, and keeping what was found."""

import re
import time
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ._inputs import cotangents
from ._problem import Problem, Side
from ._report import Finding
from ._truth import Scalar, decide

EPS = {"float64": 2.0**-53, "float32": 2.0**-24, "bfloat16": 2.0**-8, "float16": 2.0**-11}
LEVELS = {"fast": 0, "full": 1, "deep": 2}


def ravel(arrays) -> np.ndarray:
    """All arrays as one flat float64 vector."""
    return np.concatenate([np.ravel(a).astype(np.float64) for a in arrays]) if len(arrays) else np.zeros(0)


def place(i: int, arrays) -> tuple[int, tuple[int, ...]]:
    """Which array the i-th of all numbers belongs to, and its index there."""
    ends = np.cumsum([a.size for a in arrays])
    leaf = int(np.searchsorted(ends, i, side="right"))
    shape = arrays[leaf].shape
    return leaf, tuple(map(int, np.unravel_index(i - ends[leaf] + arrays[leaf].size, shape))) if shape else ()


class OutOfTimeError(BaseException):
    """The budget is spent. No Exception, so that no stage takes it for the rule's own error."""


@contextmanager
def settings():
    """Both sides run in double precision and under JAX's default promotion, whatever the caller's settings are."""
    with jax.enable_x64(True), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


class Point(NamedTuple):
    """Where both sides are compared: inputs and cotangents, float64, and what they are called."""

    kind: str
    floats: tuple[np.ndarray, ...]
    ints: tuple[Any, ...]
    cots: tuple[np.ndarray, ...]


class Context:
    """One check under way.

    Attributes:
      problem, level, rng: what is checked, how thoroughly (0, 1, 2), and where draws come from.
      findings, skipped: so far.
      dtype: "float64", or "float32" for a rule that cannot be run in float64.
      eps: unit roundoff to expect of the rule at that dtype.
    """

    def __init__(self, problem: Problem, level: int, seed: int, budget: float):
        self.problem, self.level, self.rng = problem, level, np.random.default_rng(seed)
        self.findings: list[Finding] = []
        self.skipped: list[tuple[str, str]] = []
        self.deadline = time.monotonic() + budget
        self.dtype, self.eps = "float64", EPS["float64"]

    def failed(self) -> bool:
        return any(finding.status == "fail" for finding in self.findings)

    def add(self, stage: str, status: str, message: str, **details) -> None:
        """Keep a finding, the first of its stage, status and argument."""
        finding = Finding(stage, status, message, **details)
        if not any((f.stage, f.status, f.argument) == (stage, status, finding.argument) for f in self.findings):
            self.findings.append(finding)

    def run(self, side: Side, point: Point, dtype: str | None = None) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Outputs and cotangents of one side, at a dtype (the context's own by default)."""
        if time.monotonic() > self.deadline:
            raise OutOfTimeError
        dtype = dtype or self.dtype
        with settings():
            floats, cots = ([jnp.asarray(a, dtype) for a in arrays] for arrays in (point.floats, point.cots))
            return jax.tree.map(np.asarray, side.bars(floats, list(point.ints), cots))

    def points(self, kind: str, floats, ints, cots: tuple[str, ...] = ("normal",)) -> list[Point]:
        """A point for each kind of cotangent."""
        outputs = self.outputs(floats, ints)
        return [
            Point(f"{kind}, {name} cotangent", floats, ints, g)
            for name, g in cotangents(outputs, self.rng)
            if name in cots
        ]

    def outputs(self, floats, ints) -> list[np.ndarray]:
        """The truth's value."""
        with settings():
            return [
                np.asarray(y) for y in self.problem.bare.value([jnp.asarray(a, "float64") for a in floats], list(ints))
            ]

    def compare(self, stage: str, point: Point) -> None:
        """Judge the rule's cotangents at a point against autodiff's, and let finite differences settle a difference."""
        problem = self.problem
        _, rule = self.run(problem.rule, point)
        _, truth = self.run(problem.bare, point, "float64")
        noise = [np.zeros_like(b) for b in truth]
        for _ in range(2):
            _, moved = self.run(problem.bare, self.nudged(point), "float64")
            with np.errstate(invalid="ignore"):
                noise = [np.fmax(n, np.abs(m - b)) for n, m, b in zip(noise, moved, truth, strict=True)]
        wrong = [self._wrong(r, b, n) for r, b, n in zip(rule, truth, noise, strict=True)]
        if not any(w.any() for w in wrong):
            return
        flat = [ravel(arrays) for arrays in (point.floats, rule, truth)]
        mask = np.concatenate([w.ravel() for w in wrong])
        verdict = decide(self.scalar(point), flat[1], flat[2], mask, self.rng)
        i = verdict.place if verdict.place >= 0 else int(np.flatnonzero(mask)[0])
        leaf, index = place(i, point.floats)
        details = {"argument": problem.names[leaf], "inputs": point.kind}
        if verdict.status == "pass":
            self.add(stage, "note", verdict.why, **details)
            return
        details |= {"index": index, "got": float(flat[1][i]), "expected": float(verdict.expected)}
        guess = guess_cause(rule[leaf], truth[leaf], [t for j, t in enumerate(truth) if j != leaf])
        self.add(stage, verdict.status, f"{verdict.why}, in the cotangent of", guess=guess, **details)

    def nudged(self, point: Point, u: float | None = None) -> Point:
        """The point with every number moved by up to two roundings of unit u, the context's own by default.

        With u given, zeros move too: what differs between the two sides of a kink is then no error of rounding.
        """

        def jitter(a):
            step = 2 * (u or self.eps) * self.rng.uniform(-1, 1, a.shape)
            return a * (1 + step) + (np.where(a == 0, step, 0) if u else 0)

        return point._replace(floats=tuple(map(jitter, point.floats)), cots=tuple(map(jitter, point.cots)))

    def scalar(self, point: Point) -> Scalar:
        """The function ⟨cotangent, y⟩ at a point, and the rows of its Jacobian."""
        x = ravel(point.floats)
        shapes = [a.shape for a in point.floats]
        cuts = np.cumsum([a.size for a in point.floats])[:-1]

        def unravel(flat):
            return tuple(part.reshape(shape) for part, shape in zip(np.split(flat, cuts), shapes, strict=True))

        def y(flat):
            if time.monotonic() > self.deadline:
                raise OutOfTimeError
            return ravel(self.outputs(unravel(flat), point.ints))

        y0, g = y(x), ravel(point.cots)

        def phi(flat):
            with np.errstate(invalid="ignore"):
                return float(np.sum(g * (y(flat) - y0), where=g != 0))

        def outputs_with_kink(i, h):
            e = h * 1e-4 * (np.arange(x.size) == i)
            bend = np.abs(y(x + e) + y(x - e) - 2 * y0)
            return [int(j) for j in np.argsort(-bend) if bend[j] > 1e-3 * bend.max(initial=0)]

        def row(side, j, flat, dtype):
            hot, cots = (np.arange(y0.size) == j) * 1.0, []
            for part in point.cots:
                cots.append(hot[: part.size].reshape(part.shape))
                hot = hot[part.size :]
            at = point._replace(floats=unravel(flat), cots=tuple(cots))
            return ravel(self.run(side, at, dtype)[1])

        rule, bare = self.problem.rule, self.problem.bare
        return Scalar(
            x,
            phi,
            outputs_with_kink,
            lambda j: row(rule, j, x, self.dtype),
            lambda j, dx: row(bare, j, x + dx, "float64"),
        )

    def _wrong(self, rule, truth, noise):
        with np.errstate(invalid="ignore", over="ignore"):
            largest = np.max(np.abs(truth), where=np.isfinite(truth), initial=0.0)
            slack = 16 * noise + self.eps * (1e3 * np.abs(truth) + 1e4 * largest) + np.finfo(np.float64).tiny
            return np.isfinite(truth) & ~(np.abs(rule.astype(np.float64) - truth) <= slack)

    def printed(self, side: Side) -> str:
        """The program of one side's backward pass, as JAX prints it; empty where it cannot be traced."""
        floats = [np.asarray(a, np.float64) for a in self.problem.floats]
        cots = [np.ones(y.shape) for y in self.outputs(floats, self.problem.ints)]
        try:
            with settings():
                return str(jax.make_jaxpr(side.bars)(floats, list(self.problem.ints), cots))
        except Exception:
            return ""


def constants(*programs: str) -> list[float]:
    """The floating-point literals of printed programs that could be a threshold."""
    found = {abs(float(c)) for text in programs for c in re.findall(r"(-?\d+\.\d*(?:e[+-]?\d+)?):f\d\d\[\]", text)}
    return sorted(c for c in found if 1e-6 < c < 1e6)


def guess_cause(got: np.ndarray, expected: np.ndarray, others=()) -> str:
    """A likely cause of a whole cotangent's being wrong; empty where nothing fits."""
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    if not np.isfinite(got).all() or not np.isfinite(expected).all() or not got.size:
        return "" if np.isfinite(got).all() else "overflow, or 0 times infinity"
    close = lambda a, b: a.shape == b.shape and np.allclose(a, b, rtol=1e-4, atol=1e-6 * np.abs(b).max(initial=0))
    if not got.any():
        return "all zero: stop_gradient, or None returned"
    solid = np.abs(expected) > 1e-6 * np.abs(expected).max(initial=0)
    ratio = got[solid] / expected[solid]
    if ratio.size and np.allclose(ratio, ratio[0], rtol=1e-4):
        return f"a factor of {ratio[0]:.6g}"
    if got.ndim == 2 and close(got.T, expected):
        return "transposed"
    if any(close(np.flip(got, axis), expected) for axis in range(got.ndim)):
        return "flipped"
    if any(close(got, other) for other in others):
        return "another argument's cotangent: swapped"
    difference = got - expected
    for axis in range(got.ndim):
        if got.shape[axis] > 1 and close(np.broadcast_to(difference.mean(axis, keepdims=True), got.shape), difference):
            return f"off by something constant along axis {axis}: is a mean or a sum missing?"
    return ""
