"""Every rule that a whole program calls, each judged at the inputs and cotangents that it meets there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from ..._intercept import Handler, Rule, intercept
from .._errors import first_line
from .._settings import compiled_quickly
from ..programs._unseen import unseen
from ._call import inexact, is_inexact, take_apart
from ._gradient import Own, gradient, scalar_of
from ._rows import Audit, rows_of
from ._sites import Site, meeting
from ._stand_in import Log, call_judged


def audit(f: Callable[..., Any], *args: Any, seed: int = 0, everything: bool = False) -> Audit:
    """Judge every custom rule that a program calls, where and as it calls it.

    Each call of a `jax.custom_vjp` or `jax.custom_jvp` function is replaced by one that also compares the rule with
    autodiff of its bare function. This holds at any depth of jit, scan, cond, remat, vmap, shard_map, gradients inside and
    rules inside rules. A custom_vjp is compared at the cotangent that arrives, and a custom_jvp along random tangents. A
    random one takes the cotangent's place where that is zero, or where `fn.forward` holds. The value of either is held to
    the function's. A rule is judged as if those inside it were right; these get rows of their own. A rule fails if
    `jax.grad` of the program by its first argument raises on it.

    A rule is right where it is as near to autodiff as autodiff's own answers some roundings away. At a kink any subgradient
    is right, and anything is where autodiff is not finite. Half-precision arguments are compared in single precision, with
    half precision's tolerance.

    Args:
      f: any function that jit takes, such as a whole model's loss. A result that is not a scalar gets a made-up cotangent.
      *args: its arguments, of any kind.
      seed: of the made-up cotangent of f's result.
      everything: whether the rules that JAX itself ships are judged as well. They are a part of autodiff otherwise.

    Returns:
      An `Audit`; ``print`` it, or look at its ``rows``. A site that no cotangent reaches, in a while loop or behind a
      stop_gradient, is "inconclusive". So is a rule whose bare function has no autodiff, and a guard that refuses to be
      differentiated. A loop that stops at a tolerance is judged to that tolerance. None from a backward pass means
      that there is no cotangent. It fails where f's first argument acts on the result through what it stands for. Rules
      that are deliberately not derivatives, such as straight-through estimators, are reported as failures.

    Raises:
      TypeError: f is not a function, or returns nothing floating-point.

    Example:
      >>> report = audit(lambda x: jnp.sum(tanh(x)), jnp.ones(3))
      >>> [(row.name, row.status) for row in report.rows]
      [('tanh', 'pass')]
    """
    if not callable(f):
        raise TypeError(f"f must be a function, got {type(f).__name__}")
    sites = _sites(f, args, everything)
    own = gradient(f, args, list(sites), seed, everything)
    judging = _Judging(f, args, seed, everything, own)
    logs = judging.at([site for site in sites if site not in own.raised], _Way())
    return Audit(rows_of(sites, logs, own), unseen(f, args))


def _sites(f: Callable[..., Any], args: tuple[Any, ...], everything: bool) -> dict[Site, dict[str, str]]:
    """The call sites outside other rules, in the order of their calls, and which arguments are which parameters."""
    paths: dict[int, str] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(args[:1]):
        if is_inexact(leaf):  # an array that is two leaves has no path
            paths[id(leaf)] = "" if id(leaf) in paths else jax.tree_util.keystr(path[1:], simple=True, separator=".")
    sites: dict[Site, dict[str, str]] = {}

    def meet(site: Site, rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any], inner: Handler) -> Any:
        value = rule(*args, **kwargs)
        call = take_apart(rule, args, kwargs)
        arrays = zip(call.names, (call.leaves[i] for i in call.given), strict=True)
        sites[site] = {name: paths[id(a)] for name, a in arrays if paths.get(id(a))}
        return value

    with intercept(meeting(meet, everything)):
        out = jax.eval_shape(lambda: inexact(f(*args)))
    if not out:
        raise TypeError("f must return at least one floating-point array")
    return sites


class _Way(NamedTuple):
    """How a program is run.

    Attributes:
      differentiate: by `jax.grad`, or by tangents where it has no backward pass.
      traced: whether its arrays are arguments, which shortens compilation, or known numbers, which some rules need.
      ahead: whether a rule is judged where it is called, which collectives need, or where it is differentiated.
    """

    differentiate: Callable[[Callable[..., Any]], Callable[..., Any]] = jax.grad
    traced: bool = True
    ahead: bool = False

    def after(self, error: Exception) -> "_Way | None":
        """What to try after an error that the way itself may have raised."""
        if not self.ahead and "unbound axis name" in str(error):
            return self._replace(ahead=True)
        return self._replace(traced=False) if self.traced and isinstance(error, jax.errors.JAXTypeError) else None


@dataclass(frozen=True)
class _Judging:
    """A program under audit, run with stand-ins.

    Attributes:
      f, args: the program and its arguments.
      seed: of the made-up cotangent of its result.
      everything: whether the rules that JAX ships are judged as well.
      own: what the program's own gradient does.
    """

    f: Callable[..., Any]
    args: tuple[Any, ...]
    seed: int
    everything: bool
    own: Own

    def at(self, sites: Sequence[Site], way: _Way, raised: Exception | None = None) -> dict[Site, Log]:
        """Run the program with a stand-in at every site; where that cannot be differentiated, at half of them."""
        logs: dict[Site, Log] = {}
        try:
            return self._run(sites, way, logs)
        except Exception as error:
            if other := way.after(error):
                return self.at(sites, other)
            if len(sites) > 1:
                logs, more = (self.at(half, way) for half in (sites[: len(sites) // 2], sites[len(sites) // 2 :]))
                for site in more.keys() & logs.keys():  # a site inside rules may be in both
                    more[site].stats += logs[site].stats
                return logs | more
            if way.differentiate is not _tangent:
                return self.at(sites, way._replace(differentiate=_tangent), error)
            for log in (logs.setdefault(site, Log()) for site in sites):
                log.settled = log.settled or ("inconclusive", f"no backward pass here: {first_line(raised or error)}")
            return logs

    def _run(self, sites: Sequence[Site], way: _Way, logs: dict[Site, Log]) -> dict[Site, Log]:
        """Differentiate by a dummy at every site; what is judged on the way goes to the logs."""
        leaves, tree = jax.tree.flatten(self.args)
        places = [i for i, leaf in enumerate(leaves) if way.traced and is_inexact(leaf)]

        def scalar(dummies: Sequence[jax.Array], arrays: Sequence[jax.Array]) -> Any:
            def meet(site: Site, rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any], inner: Handler) -> Any:
                if not site.nested and site not in sites:
                    return rule(*args, **kwargs)
                dummy = jnp.zeros((), jnp.float32) if site.nested else dummies[sites.index(site)]
                names = take_apart(rule, args, kwargs).names
                while site in logs and logs[site].names not in (
                    (),
                    names,
                ):  # inside rules, one line with other arguments
                    site = site._replace(ordinal=site.ordinal + 1)
                new = Log(everything=self.everything, reached=self.own.through(site))
                log = logs.setdefault(site, new)
                return call_judged(rule, args, kwargs, dummy, log, inner, way.ahead, site.in_forward)

            full = list(leaves)
            for i, a in zip(places, arrays, strict=True):
                full[i] = a
            with intercept(meeting(meet, self.everything)):
                return scalar_of(self.f(*jax.tree.unflatten(tree, full)), self.seed)

        dummies = [jnp.zeros((), jnp.float32)] * len(sites)
        jax.block_until_ready(compiled_quickly(way.differentiate(scalar))(dummies, [leaves[i] for i in places]))
        jax.effects_barrier()
        return logs


def _tangent(scalar: Callable[..., Any]) -> Callable[..., Any]:
    """A function's tangent by its first argument, for what has no backward pass."""
    return lambda dummies, arrays: jax.jvp(
        lambda d: scalar(d, arrays), (dummies,), ([jnp.ones((), jnp.float32) for _ in dummies],)
    )
