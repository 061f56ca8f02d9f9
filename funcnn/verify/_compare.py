"""Gradients of a whole loss, by its hand-written rules and by autodiff, leaf by leaf."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._html import badge, element, notebook, table, table_row
from .._intercept import intercept, sparing_jaxs
from ._errors import relative_errors
from ._without_rules import without_rules
from .audit._derived import by_vjp
from .audit._nearby import around, directions, precision
from .audit._tolerance import judge
from .programs._unseen import unseen, unseen_said

_SAID = {"pass": "ok", "fail": "WRONG", "inconclusive": "inconclusive"}


class Row(NamedTuple):
    """One leaf of the parameters.

    Attributes:
      path: the leaf's place in params, such as ``body.w``.
      shape: its shape.
      error: the largest difference of the two gradients, relative to the leaf's largest gradient; inf where the rules give
        NaN, NaN where autodiff alone does.
      worst: the index of that element.
      rules, autodiff: both gradients there, complex for a complex leaf.
      status: "pass" where the error is within the tolerance, that of the leaf's dtype, or the rules give a subgradient at
        a kink; "inconclusive" where an element of autodiff's alone is not finite; or else "fail".
    """

    path: str
    shape: tuple[int, ...]
    error: float
    worst: tuple[int, ...]
    rules: complex
    autodiff: complex
    status: Literal["pass", "fail", "inconclusive"]

    @property
    def ok(self) -> bool:
        return self.status == "pass"


class Comparison(NamedTuple):
    """What `compare` found; ``print`` shows it as a table.

    Attributes:
      rows: one a leaf.
      seconds: time of one compiled gradient, by ``"rules"`` and by ``"autodiff"``: the fastest of five.
      temp_bytes: memory that it allocates beside arguments and results, exact.
      calls: how many times the loss calls a rule that is compared.
      unseen: how many rules lie in programs traced before (a ClosedJaxpr, an export), where they stay in both gradients.
    """

    rows: tuple[Row, ...]
    seconds: dict[str, float]
    temp_bytes: dict[str, int]
    calls: int
    unseen: int = 0

    @property
    def ok(self) -> bool:
        """Whether every leaf agrees, and there are rules, every one of which was taken out for it."""
        return all(row.ok for row in self.rows) and self.calls > 0 and not self.unseen

    def __str__(self) -> str:
        width = max([4, *(len(row.path) for row in self.rows)])
        lines = [f"{'leaf':{width}}  {'shape':12}  {'error':>8}  {'worst at':12}  {'rules':>13}  {'autodiff':>13}"]
        for row in self.rows:
            lines.append(
                f"{row.path:{width}}  {_indices(row.shape):12}  {row.error:8.1e}  {_indices(row.worst):12}  "
                f"{row.rules:13.6e}  {row.autodiff:13.6e}  {_SAID[row.status]}"
            )
        for name in self.seconds:
            lines.append(f"{name:9} {self.seconds[name] * 1e6:12,.0f} µs {self.temp_bytes[name]:14,} temp bytes")
        return "\n".join([*lines, self._verdict()])

    def _repr_html_(self) -> str:
        heads = ("status", "leaf", "shape", "error", "worst at", "rules", "autodiff")
        rows = [table_row([badge(r.status), r.path, _indices(r.shape), f"{r.error:.1e}",
                           _indices(r.worst), f"{r.rules:.6e}", f"{r.autodiff:.6e}"]) for r in self.rows]  # fmt: skip
        costs = [f"{name}: {seconds * 1e6:,.0f} µs, {self.temp_bytes[name]:,} temp bytes"
                 for name, seconds in self.seconds.items()]  # fmt: skip
        return notebook(element("p", self._verdict()), table(heads, rows, "leaves"), *(element("p", c) for c in costs))

    def _verdict(self) -> str:
        wrong, unknown = (", ".join(row.path for row in self.rows if row.status == s) for s in ("fail", "inconclusive"))
        if wrong:
            return f"WRONG: {wrong}"
        if self.unseen:
            return f"inconclusive: {unseen_said(self.unseen)}"
        if not self.calls:
            return "inconclusive: no hand-written rule is called"
        if unknown:
            return f"inconclusive: autodiff's gradient is not finite, and the rules' is: {unknown}"
        return "every hand-written gradient agrees with autodiff's"


def compare(
    loss: Callable[..., jax.Array], params: Any, *args: Any, tolerance: float | None = None, everything: bool = False
) -> Comparison:
    """Compare the gradient of a loss by its hand-written rules with `jax.grad`'s own, the rules taken out.

    NaN fails, as in `check`, where autodiff gives NaN too. Where autodiff alone is not finite, there is nothing to compare
    with: the comparison is inconclusive, and `check` judges the rule by finite differences.

    Args:
      loss: ``loss(params, *args) -> scalar``.
      params: a pytree of floating-point or complex arrays. The gradient of a real loss by a complex array is JAX's, the
        conjugate of the direction of steepest ascent.
      *args: whatever else the loss takes.
      tolerance: the largest relative error that passes. None is the power ⅔ of each leaf's machine epsilon: 2e-5 in
        float32, 4e-11 in float64. A leaf beyond it is then judged as `audit` does: at a kink any subgradient is right.
      everything: whether the rules that JAX itself ships are compared as well. They are a part of autodiff otherwise.

    Returns:
      A `Comparison`.

    Raises:
      TypeError: loss is not a function, a leaf of params is neither floating nor complex, or the loss is not a
        floating-point number.
      ValueError: the loss is not a scalar, params has no leaves, or tolerance is not a number of 0 or more.

    Example:
      >>> loss = lambda params, x: jnp.sum(tanh(params["w"] * x))
      >>> compare(loss, {"w": jnp.ones(3)}, jnp.arange(3.0)).ok
      True
    """
    _check(loss, params, tolerance)
    calls = _calls(loss, params, args, everything)
    gradients: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    temp_bytes: dict[str, int] = {}
    bare = without_rules(loss, everything=everything)
    for name, f in {"rules": loss, "autodiff": bare}.items():
        compiled = jax.jit(jax.grad(f)).lower(params, *args).compile()
        gradients[name] = compiled(params, *args)
        seconds[name] = min(_seconds(compiled, params, *args) for _ in range(5))
        memory = compiled.memory_analysis()
        temp_bytes[name] = 0 if memory is None else memory.temp_size_in_bytes
    by_autodiff = jax.tree.leaves(gradients["autodiff"])
    by_rules = jax.tree_util.tree_leaves_with_path(gradients["rules"])
    pairs = [(*leaf, b) for leaf, b in zip(by_rules, by_autodiff, strict=True)]
    rows = [_row(*pair, tolerance) for pair in pairs]
    if tolerance is None and any(row.status == "fail" for row in rows):
        nearby = _nearby(bare, params, args, [bar for _, bar in by_rules])
        rows = [_row(*pair, tolerance, right) for pair, right in zip(pairs, nearby, strict=True)]
    return Comparison(tuple(rows), seconds, temp_bytes, calls, unseen(loss, (params, *args)))


def _nearby(bare: Callable[..., Any], params: Any, args: tuple[Any, ...], bars: list[Any]) -> list[bool]:
    """Leaf by leaf, whether a gradient lies among those that autodiff gives some roundings away, to both sides of kinks."""
    given, tree = jax.tree.flatten(params)
    of_leaves = lambda leaves: bare(jax.tree.unflatten(tree, leaves), *args)
    u = precision(of_leaves, given)
    derivative = partial(by_vjp, y_bar=[jnp.ones(())])
    near = jax.jit(lambda leaves: around(derivative, of_leaves, leaves, directions(leaves), u))(given)
    return [not judge([bar], stacked, u)[1] for bar, stacked in zip(bars, near.parts, strict=True)]


def _row(
    path: tuple[Any, ...], rules: jax.Array, autodiff: jax.Array, tolerance: float | None, nearby: bool = False
) -> Row:
    """The row of a leaf; ``nearby`` says that its finite gradient is one of those at a kink."""
    unknown = np.isfinite(rules) & ~np.isfinite(autodiff)
    errors = np.where(unknown, np.nan, relative_errors(rules, autodiff))
    limit = float(jnp.finfo(rules.dtype).eps) ** (2 / 3) if tolerance is None else tolerance
    wrong = np.isinf(errors) | (False if nearby else errors > limit)
    largest = np.nanargmax if wrong.any() else np.argmax  # NaN counts as the largest of argmax
    worst = np.unravel_index(largest(errors), errors.shape) if errors.size else ()
    error, a, b = (np.asarray(e)[worst].item() if errors.size else 0.0 for e in (errors, rules, autodiff))
    status = "fail" if wrong.any() else "inconclusive" if unknown.any() else "pass"
    name = jax.tree_util.keystr(path, simple=True, separator=".")
    return Row(name or "params", rules.shape, error, tuple(map(int, worst)), a, b, status)


def _seconds(compiled: Callable[..., Any], *args: Any) -> float:
    start = time.perf_counter()
    jax.block_until_ready(compiled(*args))
    return time.perf_counter() - start


def _indices(numbers: tuple[int, ...]) -> str:
    return "[" + ", ".join(map(str, numbers)) + "]"


def _check(loss: Any, params: Any, tolerance: Any) -> None:
    if not callable(loss):
        raise TypeError(f"loss must be a function loss(params, *args) -> scalar, got {type(loss).__name__}")
    leaves = jax.tree_util.tree_leaves_with_path(params)
    if not leaves:
        raise ValueError("params must have at least one array, got an empty pytree")
    for path, leaf in leaves:
        if not jnp.issubdtype(getattr(leaf, "dtype", type(leaf)), jnp.inexact):
            where, came = "params" + jax.tree_util.keystr(path), getattr(leaf, "dtype", type(leaf).__name__)
            raise TypeError(f"{where} must be a floating-point or complex array, got {came}")
    if tolerance is not None and not (isinstance(tolerance, (int, float)) and tolerance >= 0):
        raise ValueError(f"tolerance must be a number of 0 or more, or None, got {tolerance!r}")


def _calls(loss: Callable[..., Any], params: Any, args: tuple[Any, ...], everything: bool) -> int:
    """How many times a loss calls a rule; and whether it is a loss."""
    met: list[Any] = []

    def record(rule: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        met.append(rule)
        return rule.__wrapped__(*args, **kwargs)

    with intercept(record if everything else sparing_jaxs(record)):
        value = jax.eval_shape(loss, params, *args)
    if not hasattr(value, "shape") or not jnp.issubdtype(value.dtype, jnp.floating):
        raise TypeError(f"loss must return a floating-point scalar, got {value}")
    if value.shape != ():
        raise ValueError(f"loss must return a scalar, got {value.dtype}{list(value.shape)}: take its mean or its sum")
    return len(met)
