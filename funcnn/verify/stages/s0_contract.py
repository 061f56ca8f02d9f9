"""S0: dtypes, the value of fwd, and residuals that go by another way."""

from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import one_line
from .._settings import KEPT_ARRAYS, Dtypes, apart, of_kept_arrays, settings, x64
from ..judging._battery import EXAMPLE
from ..judging._judge import first_index, wrong_value
from ..judging._point import Point
from ..judging._problem import UNTRACEABLE, compiled
from ..judging._sides import cast
from ..judging._tolerance import REFERENCE, REFERENCE_FLOOR, SMUGGLED, SMUGGLED_FLOOR
from ..judging._traits import EPS, asked_for
from ..judging._trial import Trial
from ..report._report import Finding

_PROMOTED = "as the function's own result has"


def contract(trial: Trial) -> bool:
    """S0: each cotangent has its primal's dtype, fwd's value is the function's, and no residual goes by another way."""
    problem, sides = trial.problem, trial.sides
    point = sides.points(EXAMPLE.name, problem.floats, problem.ints)[0]
    own = tuple(str(a.dtype) for a in problem.floats)
    halves = ("bfloat16",) if problem.halves else ()
    noted: list[tuple[str, str]] = []  # what is not the example's dtype under the caller's setting of x64
    for dtype in ("float64", "float32", *halves, *([own] if len({*own}) > 1 else [])):
        if sides.settles_in(dtype):
            noted += _in_dtype(trial, point, dtype, own)
        else:
            trial.ledger.skip(f"S0 {dtype}", sides.too_fine())
    noted += [] if x64() else _under_x64(trial, point, own)
    _note(trial, noted)
    if problem.referenced and sides.dtype == "float64":
        _same_as_reference(trial, point)
    sides.take_as_typical(point)
    with trial.ledger.one_input_less("S0", "the example x 1.5 + 0.25"):
        _no_smuggling(trial, point)
    return True


def _note(trial: Trial, noted: list[tuple[str, str]]) -> None:
    """Note of each argument where its cotangent has another dtype; one that has no argument's dtype is a failure."""
    for name in dict(noted):
        messages = [what for other, what in noted if other == name]
        never = all(any(f"of a {dtype} argument" in what for what in messages) for dtype in ("float64", "bfloat16"))
        status = "fail" if never and not any(_PROMOTED in what for what in messages) else "note"
        trial.ledger.add(Finding("S0", status, f"{'; '.join(messages)}{':' if name else ''}", name))


def _in_dtype(trial: Trial, point: Point, dtype: Dtypes, own: tuple[str, ...]) -> list[tuple[str, str]]:
    """Run the rule in one dtype, or in those of the example; what it cannot run in is a failure only if it must.

    Returns:
      The arguments whose cotangents have another dtype than they, where that is no failure: in dtypes other than the
      example's, and where the function's own result has that dtype.
    """
    problem, sides, ledger = trial.problem, trial.sides, trial.ledger
    each = (dtype,) * len(problem.floats) if isinstance(dtype, str) else dtype
    meant = each == own
    try:
        outputs, bars = sides.run_freely(problem.rule, point, dtype)
    except Exception as error:
        if of_kept_arrays(error) and dtype != "float64":
            ledger.skip(f"S0 {dtype}", KEPT_ARRAYS)
        elif meant or (dtype == "float32" and _is_taken(trial, point, dtype)):
            ledger.add(Finding("S0", "fail", f"differentiating raises {one_line(error)}"))
        elif dtype == "float64":
            sides.fall_back_to_float32()
            ledger.skip("S2-S5 in float64", f"the rule raises {one_line(error)}")
        return []
    ledger.count("S0")
    values, worst = _values(trial, point, dtype), "fail" if asked_for(problem.floats, each) else "note"
    for y, value, exact in zip(outputs, values, _exactly(trial, point, values, each), strict=True):
        if y.shape == value.shape:
            nearer = np.abs(y.astype(np.float64) - exact) < np.abs(value.astype(np.float64) - exact)
            y = np.where(nearer, value, y).astype(y.dtype if meant else value.dtype)
        same_value(trial, y, value, point.kind, worst)
    ran_in = cast(point, sides.dtype if dtype == "float64" else dtype)[0]
    noted = []
    for name, message, bar in _other_dtypes(trial, bars, [a.dtype for a in ran_in]):
        if any(bar.dtype == y.dtype for y in values):
            noted.append((name, f"{message}, {_PROMOTED}"))
        elif not meant:
            noted.append((name, message))
        else:
            ledger.add(Finding("S0", "fail", f"{message}:", name))
    return noted


def _exactly(trial: Trial, point: Point, values: list[np.ndarray], dtypes: Sequence[str]) -> list[np.ndarray]:
    """The function's value in float64, for results in half precision, to which fwd's may be nearer; elsewhere NaN."""
    half = any(y.dtype.itemsize < 4 for y in values) and trial.problem.mode and trial.sides.dtype == "float64"
    if not half:
        return [np.full(y.shape, np.nan) for y in values]
    floats = tuple(
        a.astype(jnp.dtype(d)).astype(np.float64) if np.isrealobj(a) else a
        for a, d in zip(point.floats, dtypes, strict=True)
    )
    return trial.sides.run(trial.problem.bare, point._replace(floats=floats), "float64").outputs


def _other_dtypes(trial: Trial, bars: Sequence[Any], dtypes: Sequence[Any]) -> Iterator[tuple[str, str, Any]]:
    """The arguments whose cotangents have another dtype than they, what is to be said of each, and the cotangents."""
    for name, bar, dtype in zip(trial.problem.names, bars, dtypes, strict=True):
        if bar.dtype != dtype:
            yield name, f"the cotangent of a {dtype} argument has dtype {bar.dtype}", bar


def _is_taken(trial: Trial, point: Point, dtype: Dtypes) -> bool:
    """Whether the function itself takes a dtype."""
    try:
        _values(trial, point, dtype)
    except Exception as error:
        trial.ledger.skip(f"S0 {dtype}", f"the function itself raises {one_line(error)}")
        return False
    return True


def _under_x64(trial: Trial, point: Point, own: tuple[str, ...]) -> list[tuple[str, str]]:
    """How the rule differs, on the example's own dtypes, where x64 is enabled: it is not here."""
    problem = trial.problem
    floats = [jax.ShapeDtypeStruct(a.shape, a.dtype) for a in problem.floats]
    try:
        with settings("float64"):
            _, bars = jax.eval_shape(apart(problem.rule.bars), floats, list(problem.ints), list(point.cots))
    except UNTRACEABLE:
        return []
    except Exception as error:
        return [("", f"under x64 differentiating raises {one_line(error)}")]
    return [(name, f"under x64 {message}") for name, message, _ in _other_dtypes(trial, bars, own)]


def _values(trial: Trial, point: Point, dtype: Dtypes) -> list[np.ndarray]:
    """The function's own value, not that of a forward pass."""
    problem = trial.problem
    if problem.mode and not problem.referenced:
        return trial.sides.run(problem.bare, point, dtype).outputs
    with settings(dtype):
        return [np.asarray(y) for y in problem.rule.fast_call(cast(point, dtype)[0], list(point.ints))]


def _same_as_reference(trial: Trial, point: Point) -> None:
    """The reference is the same function, to four digits at least."""
    values = _values(trial, point, "float64")
    for y, value in zip(values, trial.sides.outputs(point.floats, point.ints), strict=True):
        close = {"rtol": REFERENCE, "atol": REFERENCE_FLOOR, "equal_nan": True}
        if y.shape != value.shape or not np.allclose(y, value, **close):
            message = "the function's value is not the reference's: one of the two is another function"
            trial.ledger.add(Finding("S0", "fail", message))


def same_values(trial: Trial, point: Point) -> None:
    """Hold fwd to the function at the point, where autodiff's own value is at hand."""
    problem, sides = trial.problem, trial.sides
    if sides.trusted and not problem.referenced:
        at_infinity = not all(np.isfinite(a).all() for a in point.floats)
        both = (sides.run(side, point).outputs for side in (problem.rule, problem.bare))
        for y, value in zip(*both, strict=True):
            same_value(trial, y, value.astype(y.dtype), point.kind, at_infinity=at_infinity)


def same_value(
    trial: Trial, y: np.ndarray, value: np.ndarray, kind: str, worst: str = "fail", at_infinity: bool = False
) -> None:
    """Hold what fwd returns to what the function returns; another number is of the status ``worst``."""
    if (y.shape, y.dtype) != (value.shape, value.dtype):
        what = f"{y.dtype}{list(y.shape)}, the function {value.dtype}{list(value.shape)}"
        trial.ledger.add(Finding("S0", "fail", f"fwd returns {what}"))
        return
    wrong = wrong_value(y, value, max(EPS[str(value.dtype)], trial.sides.eps), at_infinity)
    if wrong.any():
        index = first_index(wrong)
        worst = "note" if trial.surrogate else worst  # it may be meant to learn at another value
        trial.ledger.add(Finding("S0", worst, "fwd's value is not the function's, at", "y", index,
                                 got=float(y[index]), expected=float(value[index]), inputs=kind))  # fmt: skip


def _no_smuggling(trial: Trial, point: Point) -> None:
    """Two forwards, then the two backwards, in both orders, give what each gives alone."""
    problem = trial.problem
    forward = compiled(lambda floats: jax.vjp(lambda f: problem.rule.call(f, list(problem.ints)), floats))
    backward = compiled(lambda vjp, cots: vjp(cots)[0])
    first = list(problem.floats)
    second = [(a * 1.5 + 0.25).astype(a.dtype) for a in first]
    cots = [g.astype(y.dtype) for g, y in zip(point.cots, forward(first)[0], strict=True)]
    try:
        alone = [backward(forward(floats)[1], cots) for floats in (first, second)]
        one, two = (forward(floats)[1] for floats in (first, second))
        together = [backward(vjp, cots) for vjp in (two, one, one, two)]
    except jax.errors.UnexpectedTracerError:
        trial.ledger.add(_smuggled("a residual does not go through fwd's result"))
        return
    close = {"rtol": SMUGGLED, "atol": SMUGGLED_FLOOR, "equal_nan": True}
    for bars, expected in zip(together, (alone[1], alone[0], alone[0], alone[1]), strict=True):
        for name, a, b in zip(problem.names, bars, expected, strict=True):
            if not np.allclose(a, b, **close):
                message = "a residual does not go through fwd's result: after two forward passes, wrong is"
                trial.ledger.add(_smuggled(message, name))


def _smuggled(message: str, argument: str = "") -> Finding:
    return Finding("S0", "fail", message, argument, guess="kept in a global or a closure")
