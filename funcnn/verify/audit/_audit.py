"""Every rule that a whole program calls, each judged at the inputs and cotangents that it meets there."""

import html
import json
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ..._intercept import intercept
from .._settings import compiled_quickly
from .._without_rules import without_rules
from ._call import is_inexact, take_apart
from ._sites import Site, meeting, yours
from ._stand_in import Log, first_line, probe
from ._tolerance import noise


class AuditRow(NamedTuple):
    """One call site.

    Attributes:
      name: the rule's.
      file, line: where your code calls it, or calls the library that does.
      calls: how often its derivative was judged.
      errors: for each floating-point argument, the largest error of an element, relative to the largest element of
        autodiff's cotangent (for a custom_jvp: of autodiff's tangent along that argument).
      residual_bytes: what one call saves.
      status: "pass", "fail" or "inconclusive".
      reason: why, unless it passed.
      path: of the leaf of the program's first argument that it takes, such as ``head.w``, where one reaches it unchanged.
      number: 1, 2, … in the order of the calls, where several have the same stack; else 0.
      stack: ``file:line`` of every frame between the audit and the call that is not JAX's, innermost first.
    """

    name: str
    file: str
    line: int
    calls: int
    errors: dict[str, float]
    residual_bytes: int
    status: str
    reason: str
    path: str = ""
    number: int = 0
    stack: tuple[str, ...] = ()

    def __str__(self) -> str:
        here = f"{self.file}:{self.line}"
        parts = [f"{self.name} {here}" + (f" #{self.number}" if self.number else "")]
        parts += [self.path] if self.path else []
        parts += [f"in {self.stack[0]}"] if self.stack and self.stack[0] != here else []
        worst = max(self.errors.values(), default=0.0)
        parts += [self.status, f"calls {self.calls}, error {worst:.1e}, saves {self.residual_bytes:,} bytes"]
        return "  ".join(parts) + (f"  ({self.reason})" if self.reason else "")


class Audit(NamedTuple):
    """What `audit` found.

    Attributes:
      rows: one a call site.
      unseen: how many rules lie in programs traced before (a ClosedJaxpr, an export), where they cannot be judged.
    """

    rows: tuple[AuditRow, ...]
    unseen: int = 0

    @property
    def status(self) -> str:
        """ "fail" with any row that fails, else "pass" with any that passes or no rule at all, else "inconclusive".

        A right program may well have sites that no cotangent reaches, in a while loop or behind a stop_gradient; these are
        not judged and not held against it. But where nothing was judged, nothing was shown.
        """
        found = {row.status for row in self.rows}
        if "fail" in found:
            return "fail"
        return "pass" if "pass" in found or not (self.rows or self.unseen) else "inconclusive"

    @property
    def ok(self) -> bool:
        """Whether the status is "pass"."""
        return self.status == "pass"

    def raise_for_failure(self) -> None:
        """Raise AssertionError with the whole report unless the status is "pass"."""
        if not self.ok:
            raise AssertionError(str(self))

    def __str__(self) -> str:
        lines = [str(row) for row in self.rows] or ["no custom rule is called"] * (not self.unseen)
        if self.unseen:
            lines.append(f"cannot be seen, in a program traced before (a ClosedJaxpr, an export): {self.unseen} rules")
        return "\n".join(lines)

    def to_json(self) -> str:
        """The report as a JSON object; numbers that are not finite become strings."""
        rows = [
            row._asdict() | {"errors": {k: e if np.isfinite(e) else str(e) for k, e in row.errors.items()}}
            for row in self.rows
        ]
        return json.dumps({"status": self.status, "unseen": self.unseen, "rows": rows}, allow_nan=False, indent=1)

    def _repr_html_(self) -> str:
        columns = ("status", "name", "file", "line", "number", "path", "calls", "errors", "residual_bytes", "reason")
        cells = lambda row: "".join(f"<td>{html.escape(str(getattr(row, column)))}</td>" for column in columns)
        table = "".join(f"<tr>{cells(row)}</tr>" for row in self.rows)
        head = "".join(f"<th>{column}</th>" for column in columns)
        unseen = f", {self.unseen} rules unseen" if self.unseen else ""
        return f"<p>audit: {self.status}{unseen}</p><table><tr>{head}</tr>{table}</table>"


def audit(f: Callable[..., Any], *args: Any, seed: int = 0) -> Audit:
    """Judge every custom rule that a program calls, where and as it calls it.

    Each call of a `jax.custom_vjp` or `jax.custom_jvp` function, at any depth of jit, scan, cond, remat, vmap, shard_map,
    gradients inside and rules inside rules, is replaced by one that also compares the rule with autodiff of its bare
    function: a custom_vjp at the cotangent that arrives (one that is zero is made up), a custom_jvp along made-up tangents.
    A rule is judged as if those inside it were right, these get rows of their own. It is right where it is as near to
    autodiff as autodiff's own answers some roundings away; at a kink, with any subgradient; and with anything where
    autodiff is not finite. Half-precision arguments are compared in single precision, with half precision's tolerance.

    Args:
      f: any function that jit takes, such as a whole model's loss. A result that is no scalar gets a made-up cotangent.
      *args: its arguments, of any kind.
      seed: of the made-up cotangent of f's result.

    Returns:
      An `Audit`; ``print`` it, or look at its ``rows``. A site that no cotangent reaches, in a while loop or behind a
      stop_gradient, is "inconclusive", as is a rule whose bare function has no autodiff. A ``None`` of a backward pass says
      that there is no cotangent, and fails only for a leaf of the first argument. What is no derivative on purpose, such as
      a straight-through estimator, fails: it is none.

    Raises:
      TypeError: f is no function, or returns nothing floating-point.

    Example:
      >>> report = audit(lambda x: jnp.sum(tanh(x)), jnp.ones(3))
      >>> [(row.name, row.status) for row in report.rows]
      [('tanh', 'pass')]
    """
    if not callable(f):
        raise TypeError(f"f must be a function, got {type(f).__name__}")
    sites = _sites(f, args)
    logs = _judged(f, args, list(sites), seed)
    unseen = str(jax.make_jaxpr(lambda: _inexact(without_rules(f)(*args)))())
    return Audit(_rows(sites, logs), unseen.count("custom_vjp_call[") + unseen.count("custom_jvp_call["))


def _sites(f, args) -> dict[Site, dict[str, str]]:
    """The call sites outside other rules, in the order of their calls, and which arguments are which parameters."""
    paths: dict[int, str] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(args[:1]):
        if is_inexact(leaf):  # an array that is two leaves has no path
            paths[id(leaf)] = "" if id(leaf) in paths else jax.tree_util.keystr(path[1:], simple=True, separator=".")
    sites: dict[Site, dict[str, str]] = {}

    def meet(site, rule, args, kwargs, inner):
        value = rule(*args, **kwargs)
        call = take_apart(rule, args, kwargs)
        arrays = zip(call.names, (call.leaves[i] for i in call.given), strict=True)
        sites[site] = {name: paths[id(a)] for name, a in arrays if paths.get(id(a))}
        return value

    with intercept(meeting(meet)):
        out = jax.eval_shape(lambda: _inexact(f(*args)))
    if not out:
        raise TypeError("f must return at least one floating-point array")
    return sites


def _judged(f, args, sites, seed) -> dict[Site, Log]:
    """Run the program with a probe at every site; where it cannot be differentiated so, with one at half of them."""
    logs: dict[Site, Log] = {}
    try:
        return _run(f, args, sites, seed, jax.grad, logs)
    except Exception as error:
        if len(sites) > 1:
            logs, more = (_judged(f, args, half, seed) for half in (sites[: len(sites) // 2], sites[len(sites) // 2 :]))
            for site in more.keys() & logs.keys():  # a site inside rules may be in both
                more[site].stats += logs[site].stats
            return logs | more
        try:
            return _run(f, args, sites, seed, _tangent, logs)
        except Exception:
            for log in (logs.setdefault(site, Log()) for site in sites):
                log.settled = log.settled or ("inconclusive", f"no backward pass here: {first_line(error)}")
            return logs


def _run(f, args, sites, seed, differentiate, logs):
    """Differentiate by a dummy at every site; what is judged on the way goes to the logs."""
    leaves, tree = jax.tree.flatten(args)
    places = [i for i, leaf in enumerate(leaves) if is_inexact(leaf)]

    def scalar(dummies, arrays):
        def meet(site, rule, args, kwargs, inner):
            if not site.nested and site not in sites:
                return rule(*args, **kwargs)
            dummy = jnp.zeros((), jnp.float32) if site.nested else dummies[sites.index(site)]
            names = take_apart(rule, args, kwargs).names
            while site in logs and logs[site].names not in ((), names):  # inside rules, one line with other arguments
                site = site._replace(ordinal=site.ordinal + 1)
            return probe(rule, args, kwargs, dummy, logs.setdefault(site, Log()), inner)

        full = list(leaves)
        for i, a in zip(places, arrays, strict=True):
            full[i] = a
        with intercept(meeting(meet)):
            out = _inexact(f(*jax.tree.unflatten(tree, full)))
        if len(out) == 1 and out[0].shape == ():
            return out[0].real.astype(jnp.float32)
        return sum(jnp.sum((y * noise(y, seed)).real.astype(jnp.float32)) for y in out)

    dummies = [jnp.zeros((), jnp.float32)] * len(sites)
    jax.block_until_ready(compiled_quickly(differentiate(scalar))(dummies, [leaves[i] for i in places]))
    jax.effects_barrier()
    return logs


def _tangent(scalar):
    """A function's tangent by its first argument, for what has no backward pass."""
    return lambda dummies, arrays: jax.jvp(
        lambda d: scalar(d, arrays), (dummies,), ([jnp.ones((), jnp.float32) for _ in dummies],)
    )


def _rows(sites: dict[Site, dict[str, str]], logs: dict[Site, Log]) -> tuple[AuditRow, ...]:
    """A row a site; of those inside rules, and of those that a library traces twice, only what was judged."""
    logs = {site: Log() for site in sites} | logs
    judged = {(site.name, yours(site)) for site, log in logs.items() if log.stats}
    known = lambda site, log: log.stats or log.settled
    told = [s for s, log in logs.items() if known(s, log) or not (s.nested or (s.name, yours(s)) in judged)]
    alike = [site[:2] for site in told]
    return tuple(_row(site, logs[site], sites.get(site, {}), alike.count(site[:2]) > 1) for site in told)


def _row(site, log, parameters, numbered):
    n = len(log.names)
    stats = np.asarray(log.stats, np.float64).reshape(len(log.stats), n + 2, 3)
    confirmed, unseen = stats[:, -1, 0] > 0, (stats[:, -1, 1] > 0) & stats[:, :-1, 1].any(1)
    stats[confirmed | unseen, :, 1] = 0
    declared = [name for name in log.names if name.startswith(log.without)] if log.without else []
    errors = {name: float(stats[:, i, 0].max(initial=0)) for i, name in enumerate(log.names) if name not in declared}
    wrong = {name: stats[:, i, 1].sum() for i, name in enumerate((*log.names, "its value")) if name not in declared}
    reasons = [f"{number:,.0f} wrong elements in {name}" for name, number in wrong.items() if number]
    reasons += [f"None for the parameter {parameters[name]}" for name in declared if name in parameters]
    status = "fail" if reasons else "pass"
    if not reasons and (log.settled or not stats[:, : n or 1, 2].any()):
        nothing = "there is nothing finite to compare with" if log.stats else "no cotangent reaches it"
        status, reason = log.settled or ("inconclusive", nothing)
        reasons = [reason]
    if status == "pass" and unseen.any():
        status, reasons = "inconclusive", ["autodiff says zero, and the values are too coarse to tell"]
    reasons += ["finite differences confirm it against autodiff"] if confirmed.any() else []
    reasons += [f"None for {name}" for name in declared if name not in parameters]
    file, line = next(iter(yours(site) or site.frames), ("?", 0))
    return AuditRow(
        site.name, file, line, len(log.stats), errors if log.stats else {}, log.saved, status, "; ".join(reasons),
        path=next(iter(parameters.values()), ""),
        number=(site.ordinal + 1) * numbered,
        stack=tuple(f"{file}:{line}" for file, line in site.frames),
    )  # fmt: skip


def _inexact(tree: Any) -> list[Any]:
    return [leaf for leaf in jax.tree.leaves(tree) if is_inexact(leaf)]
