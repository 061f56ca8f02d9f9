"""Every rule that a whole program calls, each judged at the inputs and cotangents that it meets there."""

import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .._intercept import intercept
from ._without_rules import without_rules


class Site(NamedTuple):
    """Where a rule is called: its name, the caller's file and line, and inside how many other rules."""

    name: str
    file: str
    line: int
    depth: int


class AuditRow(NamedTuple):
    """One call site.

    Attributes:
      name: the rule's.
      file, line: where it is called.
      calls: how often its backward pass ran.
      errors: for each floating-point argument, the norm of the error relative to the norm of autodiff's cotangent.
      residual_bytes: what one call saves.
      status: "pass", "fail" or "inconclusive".
      reason: why, unless it passed.
    """

    name: str
    file: str
    line: int
    calls: int
    errors: dict[str, float]
    residual_bytes: int
    status: str
    reason: str

    def __str__(self) -> str:
        worst = max(self.errors.values(), default=0.0)
        text = f"{self.name} {self.file}:{self.line}  {self.status}  {self.calls} calls, error {worst:.1e}, "
        text += f"saves {self.residual_bytes:,} bytes"
        return f"{text}  ({self.reason})" if self.reason else text


class Audit(NamedTuple):
    """What `audit` found: ``rows``, one a call site."""

    rows: tuple[AuditRow, ...]

    @property
    def ok(self) -> bool:
        """Whether no rule is wrong."""
        return all(row.status != "fail" for row in self.rows)

    def __str__(self) -> str:
        if not self.rows:
            return (
                "no custom rule is called (one in a program traced before, a ClosedJaxpr or an export, cannot be seen)"
            )
        return "\n".join(map(str, self.rows))


def audit(f: Callable[..., Any], *args: Any, seed: int = 0) -> Audit:
    """Judge every custom rule that a program calls, where and as it calls it.

    Each call of a `jax.custom_vjp` or `jax.custom_jvp` function, at any depth of jit, scan, cond, remat, vmap and rules
    inside rules, is replaced by one that applies both the rule's backward pass and autodiff of the bare function to the
    cotangent that arrives, keeps the difference, and hands on the rule's.

    Args:
      f: any function, such as a whole model's loss. A result that is no scalar gets a random cotangent.
      *args: its arguments; those that are floating-point are differentiated by.
      seed: of the random draws.

    Returns:
      An `Audit`; ``print`` it, or look at its ``rows``. A site that no cotangent reaches, in a while loop or behind a
      stop_gradient, is "inconclusive".

    Raises:
      TypeError: f is no function, or returns nothing floating-point.

    Example:
      >>> report = audit(lambda x: jnp.sum(tanh(x)), jnp.ones(3))
      >>> [(row.name, row.status) for row in report.rows]
      [('tanh', 'pass')]
    """
    if not callable(f):
        raise TypeError(f"f must be a function, got {type(f).__name__}")
    rows, depth = [], 0
    while sites := _sites(f, args, depth):
        rows += _judge(f, args, depth, sites, seed)
        depth += 1
    return Audit(tuple(rows))


def _sites(f, args, depth) -> dict[Site, int]:
    """The call sites at a depth, each with the number of its rule's floating-point arguments."""
    sites: dict[Site, int] = {}

    def record(site, rule, args, kwargs):
        sites[site] = len([a for a in jax.tree.leaves((args, kwargs)) if _is_floating(a)])
        return rule(*args, **kwargs)

    with intercept(_at_depth(depth, record)):
        out = jax.eval_shape(lambda: f(*args))
    if not any(map(_is_floating, jax.tree.leaves(out))):
        raise TypeError(f"f must return at least one floating-point array, got {out}")
    return sites


def _at_depth(wanted, handle, depth=0):
    """A handler that takes the rules at outer depths out, and gives those at the wanted depth to ``handle``."""

    def handler(rule, args, kwargs):
        if depth < wanted:
            with intercept(_at_depth(wanted, handle, depth + 1)):
                return rule.__wrapped__(*args, **kwargs)
        site = _site(rule, depth)
        with intercept(None):
            return handle(site, rule, args, kwargs)

    return handler


def _site(rule, depth):
    """The innermost frame that belongs neither to JAX nor to this package."""
    name = getattr(rule, "__name__", type(rule).__name__)
    for frame in reversed(traceback.extract_stack()):
        if not any(frame.filename.startswith(folder) for folder in _OURS):
            return Site(name, frame.filename, frame.lineno or 0, depth)
    return Site(name, "?", 0, depth)


_OURS = (
    str(Path(__file__).parent),
    str(Path(__file__).parent.parent / "_intercept.py"),
    str(Path(jax.__file__).parent),
    "<frozen",
)


def _judge(f, args, depth, sites, seed):
    """Run the program with a probe at every site; where that cannot be differentiated, at each site alone."""
    saved: dict[Site, int] = {}
    try:
        results, reasons = _run(f, args, depth, sites, saved, seed), {}
    except Exception:
        results, reasons = {}, {}
        for site, arity in sites.items():
            try:
                results |= _run(f, args, depth, {site: arity}, saved, seed)
            except Exception as error:
                reasons[site] = f"no backward pass here: {str(error).splitlines()[0][:120]}"
    return [_row(site, results.get(site), saved.get(site, 0), reasons.get(site, "")) for site in sites]


def _run(f, args, depth, sites, saved, seed):
    """The gradient by the probes' dummies: each argument's squared error and norm, its wrong elements, and the calls."""
    leaves, tree = jax.tree.flatten(args)
    floats = [i for i, leaf in enumerate(leaves) if _is_floating(leaf)]

    def scalar(dummies, given):
        def handle(site, rule, args, kwargs):
            if site not in dummies:
                return rule(*args, **kwargs)
            return _probe(partial(rule, **kwargs), dummies[site], args, lambda n: saved.__setitem__(site, n))

        full = list(leaves)
        for i, a in zip(floats, given, strict=True):
            full[i] = a
        with intercept(_at_depth(depth, handle)):
            out = [y for y in jax.tree.leaves(f(*jax.tree.unflatten(tree, full))) if _is_floating(y)]
        if len(out) == 1 and out[0].shape == ():
            return out[0].astype(jnp.float32)
        rng = np.random.default_rng(seed)
        return sum(jnp.sum(y.astype(jnp.float32) * jnp.asarray(rng.normal(size=y.shape), jnp.float32)) for y in out)

    dummies = {site: jnp.zeros((arity + 1, 3), jnp.float32) for site, arity in sites.items()}
    return jax.tree.map(np.asarray, jax.jit(jax.grad(scalar))(dummies, [leaves[i] for i in floats]))


def _probe(rule, dummy, args, keep_bytes):
    """The rule's value; its backward pass also gives, as the dummy's cotangent, how far it is from autodiff's."""
    leaves, tree = jax.tree.flatten(args)
    floats = [i for i, a in enumerate(leaves) if _is_floating(a)]
    others = [i for i, a in enumerate(leaves) if i not in floats and isinstance(a, (jax.Array, np.ndarray))]

    def call(g, given, rest):
        full = list(leaves)
        for i, a in zip([*floats, *others], [*given, *rest], strict=True):
            full[i] = a
        return g(*jax.tree.unflatten(tree, full))

    @jax.custom_vjp
    def probe(dummy, given, rest):
        return call(rule, given, rest)

    def fwd(dummy, given, rest):
        y, by_rule = jax.vjp(lambda given: call(rule, given, rest), given)
        keep_bytes(sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(by_rule)))
        return y, (by_rule, given, rest)

    def bwd(residuals, y_bar):
        by_rule, given, rest = residuals
        bars = by_rule(y_bar)[0]
        return _errors(lambda given: call(without_rules(rule), given, rest), given, bars, y_bar), bars, None

    probe.defvjp(fwd, bwd)
    return probe(dummy, [leaves[i] for i in floats], [leaves[i] for i in others])


def _errors(bare, given, bars, y_bar):
    """For each argument: squared error, squared norm, number of wrong elements; in the last row, 1 for the call."""
    autodiff = lambda given: jax.vjp(bare, given)[1](y_bar)[0]
    here = autodiff(given)
    around = [autodiff(_moved(given, seed)) for seed in range(4)]
    rows = []
    for i, (bar, truth) in enumerate(zip(bars, here, strict=True)):
        bar, truth, *near = (
            a.astype(jnp.float32) if a.dtype.itemsize < 4 else a for a in (bar, truth, *(m[i] for m in around))
        )
        u = float(jnp.finfo(given[i].dtype).eps)
        low, high = jnp.minimum(truth, jnp.stack(near).min(0)), jnp.maximum(truth, jnp.stack(near).max(0))
        largest = jnp.max(jnp.where(jnp.isfinite(truth), jnp.abs(truth), 0), initial=0)
        slack = 16 * (high - low) + 64 * u * jnp.abs(truth) + 32 * u * largest
        judged = jnp.isfinite(truth) & jnp.isfinite(slack)
        wrong = judged & ~((bar >= low - slack) & (bar <= high + slack))
        kink = ~wrong & (high - low > 1e-3 * largest)
        error = jnp.where(judged & ~kink, jnp.nan_to_num(bar - truth, nan=jnp.inf), 0)
        truth = jnp.where(judged, truth, 0)
        rows.append(jnp.stack([a.astype(jnp.float32) for a in (jnp.sum(error**2), jnp.sum(truth**2), jnp.sum(wrong))]))
    return jnp.stack([*rows, jnp.ones(3, jnp.float32)])


def _moved(given, seed):
    """Every number moved by some hundred roundings, zeros off zero: to the two sides of a kink, where there is one."""
    keys = jax.random.split(jax.random.key(seed), len(given))
    moved = []
    for a, key in zip(given, keys, strict=True):
        size = jnp.max(jnp.abs(jnp.where(jnp.isfinite(a), a, 0)), initial=0) + jnp.finfo(a.dtype).tiny
        step = (2 * float(jnp.finfo(a.dtype).eps) * (jnp.abs(a) + 1e-3 * size)).astype(a.dtype)
        sign = jax.random.rademacher(key, a.shape, a.dtype) * (1 - 2 * (seed % 2))
        moved.append(jnp.where(jnp.isfinite(a), a + sign * step, a).astype(a.dtype))
    return moved


def _row(site, result, saved, reason):
    if result is None:
        return AuditRow(site.name, site.file, site.line, 0, {}, saved, "inconclusive", reason)
    calls = round(float(result[-1, 0]))
    errors = {
        f"args[{i}]": float(np.sqrt(square / norm)) if square else 0.0
        for i, (square, norm, _) in enumerate(result[:-1])
        if norm or square
    }
    wrong = int(result[:-1, 2].sum())
    if not calls:
        return AuditRow(site.name, site.file, site.line, 0, {}, saved, "inconclusive", "no cotangent reaches it")
    status = "fail" if wrong else "pass"
    return AuditRow(
        site.name, site.file, site.line, calls, errors, saved, status, f"{wrong:,} wrong elements" if wrong else ""
    )


def _is_floating(a):
    return hasattr(a, "dtype") and hasattr(a, "shape") and jnp.issubdtype(a.dtype, jnp.floating)
