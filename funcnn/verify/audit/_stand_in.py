"""A custom rule's stand-in: the same value and derivative, and beside them a judgement of the rule where it stands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.extend.core import jaxpr_as_fun

from ..._intercept import Handler, Rule, handing, intercept
from .._errors import first_line
from ._call import Call, inexact, is_inexact, take_apart
from ._derived import by_jvp, by_jvp_along, by_vjp, by_vjp_along, like
from ._nearby import Derivative, Derived, around, directions, noise, precision
from ._tolerance import judge, sides_with
from ._twin import in_remat, named_without, taking_out, twin


@dataclass
class Log:
    """What is known of a call site.

    Attributes:
      saved: the bytes that one call saves.
      names: of the arguments judged, each a row of a judgement; after them comes the value's.
      without: the arguments for which the rule's backward pass returns None.
      stats: a judgement a call: `judge`'s three numbers a row, the last row those of `sides_with`.
      settled: a status and a reason that hold whatever the numbers say.
      everything: whether the rules that JAX ships are under test as well.
      reached: the arguments that the program differentiates by; None where that is not known.
    """

    saved: int = 0
    names: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    stats: list[np.ndarray] = field(default_factory=list)
    settled: tuple[str, str] | None = None
    everything: bool = False
    reached: frozenset[str] | None = None


def call_judged(
    rule: Rule,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    dummy: jax.Array,
    log: Log,
    inner: Handler,
    ahead: bool = False,
    alone: bool = False,
) -> Any:
    """Call a rule by its stand-in, which adds a judgement to the log when it is differentiated, by ``dummy`` or another.

    The judgement compares the rule with its bare function, the rules inside both taken out. The rules inside then go to
    the handler ``inner``, once in the rule's own passes and once in its bare function. ``ahead`` traces all this here and
    not where it is differentiated, for there `jax.vmap` has no names for its axes. ``alone`` judges here, at a made-up
    cotangent, and calls the rule itself: of a judgement `fn.forward` can make no tangent.
    """
    call = take_apart(rule, args, kwargs)
    log.names = call.names
    given, rest = ([call.leaves[i] for i in places] for places in (call.given, call.rest))
    if isinstance(rule, jax.custom_vjp):
        run = partial(_pulled, call, log, inner)
        y = inexact(jax.eval_shape(call.of(rule.__wrapped__, rest), given)) if ahead or alone else []
        if alone:
            run(_stopped(given), rest, [jnp.zeros(a.shape, a.dtype) for a in y])
            return call.of(rule, rest)(given)
        return _stand_in_vjp(call, _traced(run, given, rest, y) if ahead else run)(dummy, given, rest)
    run = partial(_pushed, call, log, inner)
    return _stand_in_jvp(call, _traced(run, given, rest, given) if ahead else run)(dummy, given, rest)


def _traced(run: Callable[..., Any], *like: Any) -> Callable[..., Any]:
    """A function, traced now and run later."""
    program, shape = jax.make_jaxpr(run, return_shape=True)(*like)
    tree = jax.tree.structure(shape)
    return lambda *args: jax.tree.unflatten(tree, jaxpr_as_fun(program)(*jax.tree.leaves(args)))


def _stand_in_vjp(call: Call, run: Callable[..., Any]) -> Callable[..., Any]:
    @jax.custom_vjp
    def stand_in(dummy: jax.Array, given: list[Any], rest: list[Any]) -> Any:
        return call.of(call.rule, rest)(given)

    def bwd(residuals: Any, y_bar: Any) -> tuple[jax.Array, list[Any], None]:
        return jnp.zeros((), jnp.float32), run(*residuals, [_finite(a) for a in inexact(y_bar)]), None

    stand_in.defvjp(lambda dummy, given, rest: (stand_in(dummy, given, rest), (given, rest)), bwd)
    return stand_in


def _stand_in_jvp(call: Call, run: Callable[..., Any]) -> Callable[..., Any]:
    @jax.custom_jvp
    def stand_in(dummy: jax.Array, given: list[Any], rest: list[Any]) -> Any:
        return call.of(call.rule, rest)(given)

    stand_in.defjvp(lambda primals, tangents: run(*primals[1:], tangents[1]))
    return stand_in


def _pulled(
    call: Call, log: Log, inner: Handler, given: list[Any], rest: list[Any], y_bar: Sequence[Any]
) -> list[jax.Array]:
    """Judge a custom_vjp's call, and give the cotangents of ``given``."""
    values = call.values(given, rest)
    with intercept(None):
        seen = _not_zero(_stopped(y_bar))
        ways = [(by_vjp, by_vjp), (by_vjp_along, by_jvp_along)]
        ways = [Way(*(partial(derive, y_bar=seen) for derive in way)) for way in ways]
        narrow, g = _judge(call, log, inner, ways, dict(zip(values, _stopped([*values.values()]), strict=True)))
        y, pull = jax.vjp(narrow.of(g, [values[i] for i in narrow.rest]), [values[i] for i in narrow.given])
        log.saved = _bytes(pull)
        bars = dict(zip(narrow.given, pull(like(y_bar, y))[0], strict=True))
    return [bars[i].astype(values[i].dtype) if i in bars else jnp.zeros_like(values[i]) for i in call.given]


def _pushed(
    call: Call, log: Log, inner: Handler, given: list[Any], rest: list[Any], along: list[Any]
) -> tuple[Any, Any]:
    """Judge a custom_jvp's call, and give its value and tangent."""
    values, tangents = call.values(given, rest), dict(zip(call.given, along, strict=True))
    with intercept(None):
        stopped = dict(zip(values, _stopped([*values.values()]), strict=True))
        narrow, g = _judge(call, log, inner, [Way(by_jvp, by_jvp)], stopped)
        g = narrow.of(g, [values[i] for i in narrow.rest])
        return jax.jvp(g, ([values[i] for i in narrow.given],), ([tangents[i] for i in narrow.given],))


class Way(NamedTuple):
    """How a rule and its bare function are differentiated, to be compared."""

    rule: Derivative
    bare: Derivative


def _judge(
    call: Call, log: Log, inner: Handler, ways: Sequence[Way], values: dict[int, Any]
) -> tuple[Call, Callable[..., Any]]:
    """Add a judgement to the log; give the call as it can be differentiated, and what to differentiate in its place."""
    try:
        derived = _of_rule(call, log, ways[0].rule, values)
    except Exception as error:
        narrow = call if log.reached is None else call.narrowed(log.reached)
        if narrow.given and narrow.given != call.given:  # a rule may refuse what the program does not ask of it
            return _judge(narrow, log, inner, ways, values)
        log.settled = _NOT_ASKED if call.given and not narrow.given else _refusal(error)
        return call, call.rule.__wrapped__
    met: list[Rule] = []
    given, rest = ([values[i] for i in places] for places in (call.given, call.rest))
    bare = call.of(handing(taking_out(met, log.everything), call.rule.__wrapped__), rest)
    try:
        u = precision(bare, given)
        derived, near = _beside(call, log, ways, values, bare, u, derived)
    except Exception as error:
        log.settled = "inconclusive", f"the bare function has no autodiff: {first_line(error)}"
        return call, twin(call.rule, inner)
    pairs = zip([*derived.parts, derived.values], [*near.parts, near.values], strict=True)
    rows = dict(zip([*call.names, ""], (judge(got, expected, u) for got, expected in pairs), strict=True))
    rows = [rows.get(name, jnp.zeros(3, jnp.float32)) for name in (*log.names, "")]
    jax.debug.callback(log.stats.append, jnp.stack([*rows, sides_with(derived, near, u)]))
    if other := in_remat(call.rule):
        _judge(replace(call, rule=other), log, inner, ways, values)
    if met:
        _explore(call.of(handing(inner, call.rule.__wrapped__), rest), given)
    return call, twin(call.rule, inner)


_NOT_ASKED = "inconclusive", "the program does not differentiate it, and it refuses to be"


def _refusal(error: Exception) -> tuple[str, str]:
    """Status and reason of a rule that raises; to say that it does not do this, or takes no traced values, is not wrong."""
    if isinstance(error, (NotImplementedError, jax.errors.JAXTypeError)):
        return "inconclusive", f"the rule refuses: {first_line(error)}"
    if "unbound axis name" in str(error):
        raise error  # not the rule's fault: it is to be traced ahead
    return "fail", f"{type(error).__name__}: {first_line(error)}"


def _of_rule(call: Call, log: Log, derivative: Derivative, values: dict[int, Any]) -> Derived:
    """The rule's own derivative, those inside it taken out."""

    def hear(bars: Sequence[Any]) -> None:
        log.without = named_without(call, bars)

    given, rest = ([values[i] for i in places] for places in (call.given, call.rest))
    rule = call.of(twin(call.rule, taking_out([], log.everything), hear), rest)
    derived = derivative(rule, given, directions(given))
    if isinstance(call.rule, jax.custom_jvp):
        log.saved = _bytes_of_transpose(rule, given)
    else:
        _require_dtypes(call.names, derived.parts, given)
    return derived


def _beside(
    call: Call,
    log: Log,
    ways: Sequence[Way],
    values: dict[int, Any],
    bare: Callable[..., Any],
    u: float,
    derived: Derived,
) -> tuple[Derived, Derived]:
    """The rule's derivative and that of the bare function, by the first way that the latter allows."""
    given = [values[i] for i in call.given]
    along = directions(given)
    try:
        return derived, around(ways[0].bare, bare, given, along, u)
    except Exception:
        if len(ways) == 1:
            raise
    near = around(ways[1].bare, bare, given, along, u)
    rule = call.of(twin(call.rule, taking_out([], log.everything)), [values[i] for i in call.rest])
    return ways[1].rule(rule, given, along), near


def _require_dtypes(names: Sequence[str], parts: list[list[Any]], given: list[Any]) -> None:
    """JAX lets some cotangents of another dtype than their argument's pass."""
    for name, (bar,), a in zip(names, parts, given, strict=True):
        if bar.dtype != a.dtype:
            raise TypeError(f"the cotangent of {name} is {bar.dtype}, its argument {a.dtype}")


def _explore(bare: Callable[..., Any], given: list[Any]) -> None:
    """Differentiate a bare function, so that the rules inside it are judged too."""
    try:
        y, pull = jax.vjp(bare, given)
        pull(like([noise(a, 3) for a in inexact(y)], y))
    except Exception:
        by_jvp(bare, given, given)


def _finite(a: jax.Array) -> jax.Array:
    """A cotangent without the NaN and infinities of what comes after: the rules before are judged all the same."""
    return jnp.where(jnp.isfinite(a), a, jnp.zeros_like(a))


def _not_zero(y_bar: Sequence[jax.Array]) -> list[jax.Array]:
    """A cotangent, or a made-up one in place of one that is all zeros and would show nothing."""
    is_zero = ~jnp.any(jnp.stack([jnp.any(a != 0) for a in y_bar]))
    return [jnp.where(is_zero, noise(a, 3), a) for a in y_bar]


def _stopped(arrays: Sequence[Any]) -> list[Any]:
    return [lax.stop_gradient(a) if is_inexact(a) else a for a in arrays]


def _bytes(pull: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(pull))


def _bytes_of_transpose(rule: Callable[..., Any], given: list[Any]) -> int:
    try:
        return _bytes(jax.vjp(rule, given)[1])
    except Exception:
        return 0  # a rule for forward mode alone saves nothing
