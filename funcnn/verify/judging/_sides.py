"""Both sides of a check, the rule and its truth, measured at points."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._settings import Dtypes, apart, settings
from ._battery import BARS, NORMAL_BAR, Bar
from ._inside import before_the_edge, moved_inside
from ._judge import undefined
from ._point import Arrays, Floats, Ints, Measured, Point, largest, nudged
from ._problem import Problem, Side
from ._tolerance import RULE_NEARBY, Tolerance, growth
from ._traits import EPS, traits_of


class Bars(NamedTuple):
    """What one side gives at a point.

    Attributes:
      outputs: its values.
      bars: the cotangents of the floating-point arguments.
    """

    outputs: list[np.ndarray]
    bars: list[np.ndarray]


class Sides:
    """The rule and its truth, run at points.

    Attributes:
      problem: both sides as functions.
      traits: what their programs say.
      rng: where draws come from.
      dtype, truth: "float64", or "float32" for a rule, and for a truth, that cannot be run in float64.
      eps: the unit roundoff to expect of the rule at that dtype.
      trusted: whether autodiff is the truth; where it is not, finite differences near the example are.
      going_on: both sides with their loops gone on, once that was compiled.
      settles: whether loops that go on change little at the example, once that is known.
      ends_early: whether rule and truth were seen to agree only with their loops gone on.
      typical: for each argument, how large its cotangent is at the example for a cotangent of 1.
    """

    def __init__(self, problem: Problem, rng: np.random.Generator, in_time: Callable[[], None] = lambda: None):
        self.problem, self.rng, self.in_time = problem, rng, in_time
        (of_rule, _), (of_bare, self.truth) = problem.facts(problem.rule), problem.facts(problem.bare)
        self.traits = traits_of(of_rule, of_bare)
        self.dtype, self.eps = "float64", self.traits.eps
        self.trusted = problem.mode != ""
        self.typical = [0.0] * len(problem.floats)
        self.going_on: Callable[..., Any] | None = None
        self.ends_early = False
        self.settles: bool | None = None
        self._last: tuple[Point, Dtypes] | None = None
        self._results: tuple[Bars | Callable[[], Bars], ...] = ()
        self._shapes: dict[tuple[Any, ...], list[tuple[int, ...]]] = {}
        self._apart: set[str] = set()  # kinds of points at which the two sides cannot run in one program

    @property
    def far(self) -> bool:
        """Whether inputs far from the example may be tried; a loop that counts no steps might never end there."""
        return self.trusted and not self.traits.unbounded

    def settles_in(self, dtype: Dtypes) -> bool:
        """Whether a dtype is fine enough for the tolerances at which loops stop; the example's own is taken as it is."""
        own = {str(a.dtype) for a in self.problem.floats}
        given = {dtype} if isinstance(dtype, str) else {*dtype}
        return all(self.traits.finest >= EPS[d] for d in given - own)

    def too_fine(self) -> str:
        """Why loops do not settle in a dtype."""
        return f"a loop stops at {self.traits.finest:g}, which is finer than its roundings"

    def fall_back_to_float32(self) -> None:
        """The rule cannot be run in float64."""
        self.dtype, self.eps = "float32", max(self.eps, EPS["float32"])

    def run(self, side: Side, point: Point, dtype: Dtypes | None = None) -> Bars:
        """Outputs and cotangents of one side, at a dtype or at one for each argument.

        By default, and for "float64", that is the widest that the side takes. Of the cotangents it is what the arguments'
        domains have room for.
        """
        found, domains = self.run_freely(side, point, dtype), self.problem.domains
        return found if domains.free else found._replace(bars=domains.tangent(point.floats, found.bars))

    def run_freely(self, side: Side, point: Point, dtype: Dtypes | None = None) -> Bars:
        """The same, and the whole cotangents."""
        self.in_time()
        if dtype in (None, "float64"):
            dtype = self.dtype if side is self.problem.rule else self.truth
        if self._last is None or self._last[0] is not point or self._last[1] != dtype:
            self._last, self._results = (point, dtype), self._run(point, dtype)
        result = self._results[0 if side is self.problem.rule else 1]
        return result if isinstance(result, Bars) else result()

    def _run(self, point: Point, dtype: Dtypes) -> tuple[Bars | Callable[[], Bars], ...]:
        """Both sides in one program; where that cannot be run, a function for each that runs it alone."""
        floats, cots = cast(point, dtype)
        args = floats, list(point.ints), cots

        def alone(side: Side) -> Bars:
            with settings(dtype):
                return Bars(*jax.tree.map(np.asarray, side.fast_bars(*args)))

        if self.problem.mode and point.kind not in self._apart:
            try:
                with settings(dtype):
                    return tuple(Bars(*both) for both in jax.tree.map(np.asarray, self.problem.both(*args)))
            except Exception:
                self._apart.add(point.kind)
        return partial(alone, self.problem.rule), partial(alone, self.problem.bare)

    def points(self, kind: str, floats: Floats, ints: Ints, bars: Sequence[Bar] = (NORMAL_BAR,)) -> list[Point]:
        """A point for each kind of cotangent that is asked for; the draws do not depend on which these are.

        Inputs are moved into the arguments' domains, and numbers that leave the function's are replaced by the example's.
        """
        floats = self.problem.domains.project(floats)
        shapes = self.output_shapes(floats, ints)
        drawn = [(bar, bar.draw(self.rng, shapes)) for bar in BARS]
        return self._inside(
            [Point(f"{kind}, {bar.name} cotangent", floats, ints, g) for bar, g in drawn if bar in bars]
        )

    def output_shapes(self, floats: Arrays, ints: Ints) -> list[tuple[int, ...]]:
        """The shapes of the truth's results."""
        key = tuple((np.shape(a), getattr(a, "dtype", None)) for a in (*floats, *ints))
        if key not in self._shapes:
            with settings(self.truth):
                specs = [jax.ShapeDtypeStruct(np.shape(a), self.truth) for a in floats]
                try:
                    self._shapes[key] = [
                        y.shape for y in jax.eval_shape(apart(self.problem.bare.call), specs, list(ints))
                    ]
                except (jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError):
                    return [y.shape for y in self.outputs(floats, ints)]
        return self._shapes[key]

    def outputs(self, floats: Arrays, ints: Ints) -> list[np.ndarray]:
        """The truth's value."""
        with settings(self.truth):
            given = [np.asarray(a, self.truth) for a in floats]
            return [np.asarray(y) for y in self.problem.bare.fast_call(given, list(ints))]

    def _inside(self, points: list[Point]) -> list[Point]:
        """The points of one input; what leaves the function's domain is the example's number instead."""
        point = points[-1]
        finite = all(np.isfinite(a).all() for a in point.floats)  # infinities are tried all together or not at all
        if not self.trusted or not finite or point.floats is self.problem.floats:
            return points
        try:
            outputs = self.run(self.problem.bare, point, "float64").outputs
        except Exception:  # met again where the point is judged
            return points
        if not _any(undefined(outputs, point.floats)):
            return points
        values = lambda floats: self.outputs(floats, point.ints)
        moved = moved_inside(point.floats, self._example_like(point.floats), values)
        moved = self.problem.domains.project(moved or point.floats)
        return [p._replace(floats=moved) for p in points]

    def before_edges(self, drawn: Floats) -> Iterator[tuple[str, Floats]]:
        """Inputs up to the edge of the function's domain, and the name of the argument that leaves it as drawn."""
        example = self._example_like(drawn)
        values = lambda floats: self.outputs(self.problem.domains.retract(floats), self.problem.ints)
        for i, name in enumerate(self.problem.names):
            alone = tuple(b if j == i else a for j, (a, b) in enumerate(zip(example, drawn, strict=True)))
            try:
                outside = _any(undefined(values(alone), alone))
            except Exception:  # a function may raise outside of its domain
                continue
            if outside:
                yield from ((name, floats) for floats in before_the_edge(alone, example, values))

    def _example_like(self, floats: Floats) -> Floats:
        """The example's numbers in the shapes given, repeated where these are larger."""
        pairs = zip(self.problem.floats, floats, strict=True)
        same = tuple(np.resize(a, b.shape).astype(np.float64) if a.size else b for a, b in pairs)
        return self.problem.domains.project(same)

    def take_as_typical(self, point: Point) -> None:
        """Take the cotangents at a point, the example, as the typical ones."""
        if self.trusted:
            truth = self.run(self.problem.bare, point, "float64").bars
            size = largest(point.cots) or 1.0
            self.typical = [np.abs(t).max(initial=0, where=np.isfinite(t)) / size for t in truth]

    def tolerance(self, point: Point) -> Tolerance:
        """What a judgement at a point has to know."""
        cancelling = largest(point.cots) * growth(self.problem.floats, point.floats, largest)
        return Tolerance(self.eps, tuple(cancelling * typical for typical in self.typical))

    def measure(self, point: Point) -> Measured:
        """Both sides at a point; without the truth where autodiff is not it."""
        outputs, rule = self.run(self.problem.rule, point)
        values, truth = self.run(self.problem.bare, point, "float64") if self.trusted else ([], [])
        return Measured(point, outputs, rule, values, truth, [np.zeros(a.shape) for a in point.floats])

    def with_noise(self, measured: Measured) -> Measured:
        """The same, and how far rounding alone may move the true cotangents."""
        point, problem = measured.point, self.problem
        g = largest(point.cots)
        noise = zip(self.typical, self.jitter(problem.bare, point), self.jitter(problem.rule, point), strict=True)
        # No more of the rule's than rounding explains: it may be wrong at this point only, and right beside it.
        return measured._replace(
            noise=[np.fmax(bare, np.fmin(rule, RULE_NEARBY * g * size)) for size, bare, rule in noise]
        )

    def jitter(self, side: Side, point: Point) -> list[np.ndarray]:
        """How far a side's cotangents move where the point does by a rounding: its own errors show in it as well."""
        dtype = "float64" if side is self.problem.bare else self.dtype
        here, noise = self.run(side, point, dtype).bars, [np.zeros(a.shape) for a in point.floats]
        for _ in range(2):
            moved = self.run(side, nudged(point, self.eps, self.rng), dtype).bars
            with np.errstate(invalid="ignore"):
                steps = [np.abs(m.astype(np.float64) - a.astype(np.float64)) for m, a in zip(moved, here, strict=True)]
            noise = [np.fmax(n, step) for n, step in zip(noise, steps, strict=True)]
        return noise

    def finite_op_by_op(self, point: Point) -> bool:
        """Whether the function has finite values op by op; compiled, 0 · NaN may become 0 where the 0 is a mask's."""
        with settings(self.truth), jax.disable_jit():
            floats = [jnp.asarray(a) for a in cast(point, self.truth)[0]]
            return all(np.isfinite(y).all() for y in self.problem.bare.call(floats, list(point.ints)))

    def truth_op_by_op(self, point: Point) -> list[np.ndarray]:
        """The true cotangents op by op."""
        floats, cots = cast(point, self.truth)
        with settings(self.truth), jax.disable_jit():
            bars = self.problem.bare.bars([jnp.asarray(a) for a in floats], list(point.ints), cots)[1]
            return [np.asarray(bar) for bar in bars]


def _any(masks: Sequence[np.ndarray]) -> bool:
    return any(mask.any() for mask in masks)


def cast(point: Point, dtype: Dtypes) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The point's inputs in a dtype, or one each; the cotangents take that of their outputs later."""
    dtypes = (dtype,) * len(point.floats) if isinstance(dtype, str) else dtype
    floats = [np.asarray(a).astype(jnp.dtype(d)) for a, d in zip(point.floats, dtypes, strict=True)]
    return floats, [np.asarray(g, np.float64) for g in point.cots]
