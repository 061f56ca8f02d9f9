"""A custom rule's stand-in: the same value and derivative, and beside them a judgement of the rule where it stands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from ..._intercept import Handler, Rule, intercept, sparing_jaxs
from .._errors import first_line
from ._call import Call, inexact, is_inexact, take_apart
from ._nearby import Derivative, Derived, around, directions, noise, precision
from ._tolerance import judge, sides_with


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
    """

    saved: int = 0
    names: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    stats: list[np.ndarray] = field(default_factory=list)
    settled: tuple[str, str] | None = None
    everything: bool = False


def call_judged(
    rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any], dummy: jax.Array, log: Log, inner: Handler
) -> Any:
    """Call a rule by its stand-in, which adds a judgement to the log when it is differentiated, by ``dummy`` or another.

    The judgement compares the rule with its bare function, the rules inside both taken out. The rules inside then go to
    the handler ``inner``, once in the rule's own passes and once in its bare function.
    """
    call = take_apart(rule, args, kwargs)
    log.names = call.names
    given, rest = ([call.leaves[i] for i in places] for places in (call.given, call.rest))
    make = _stand_in_vjp if isinstance(rule, jax.custom_vjp) else _stand_in_jvp
    return make(call, log, inner)(dummy, given, rest)


def _stand_in_vjp(call: Call, log: Log, inner: Handler) -> Callable[..., Any]:
    @jax.custom_vjp
    def stand_in(dummy: jax.Array, given: list[Any], rest: list[Any]) -> Any:
        return call.of(call.rule, rest)(given)

    def bwd(residuals: Any, y_bar: Any) -> tuple[jax.Array, list[Any], None]:
        given, rest = residuals
        y_bar = _finite(y_bar)
        with intercept(None):
            derivative = partial(_by_vjp, y_bar=_not_zero(_stopped(y_bar)))
            ok = _judge(call, log, inner, derivative, _stopped(given), _stopped(rest))
            y, pull = jax.vjp(call.of(_twin(call.rule, inner) if ok else call.rule.__wrapped__, rest), given)
            log.saved = _bytes(pull)
            bars = [bar.astype(a.dtype) for bar, a in zip(pull(_like(y_bar, y))[0], given, strict=True)]
        return jnp.zeros((), jnp.float32), bars, None

    stand_in.defvjp(lambda dummy, given, rest: (stand_in(dummy, given, rest), (given, rest)), bwd)
    return stand_in


def _stand_in_jvp(call: Call, log: Log, inner: Handler) -> Callable[..., Any]:
    @jax.custom_jvp
    def stand_in(dummy: jax.Array, given: list[Any], rest: list[Any]) -> Any:
        return call.of(call.rule, rest)(given)

    @stand_in.defjvp
    def jvp(primals: Any, tangents: Any) -> tuple[Any, Any]:
        _, given, rest = primals
        with intercept(None):
            ok = _judge(call, log, inner, _by_jvp, _stopped(given), _stopped(rest))
            rule = call.of(_twin(call.rule, inner) if ok else call.rule.__wrapped__, rest)
            return jax.jvp(rule, (given,), (tangents[1],))

    return stand_in


def _judge(call: Call, log: Log, inner: Handler, derivative: Derivative, given: list[Any], rest: list[Any]) -> bool:
    """Add a judgement to the log; say whether the rule's own passes run."""
    met: list[Rule] = []
    along = directions(given)

    def hear(bars: Any) -> None:
        if isinstance(bars, (tuple, list)) and len(bars) == len(call.arguments):
            leaves = jax.tree_util.tree_leaves_with_path(tuple(bars), is_leaf=lambda bar: bar is None)
            within = lambda path: f"args[{call.arguments[path[0].idx]}]{jax.tree_util.keystr(path[1:])}"
            log.without = tuple(within(path) for path, bar in leaves if bar is None)

    rule = call.of(_twin(call.rule, _taking_out([], log.everything), hear), rest)
    bare = call.of(_under(_taking_out(met, log.everything), call.rule.__wrapped__), rest)
    try:
        derived = derivative(rule, given, along)
        if derivative is _by_jvp:
            log.saved = _bytes_of_transpose(rule, given)
        else:
            _require_dtypes(call.names, derived.parts, given)
    except (NotImplementedError, jax.errors.JAXTypeError) as error:
        log.settled = "inconclusive", f"the rule refuses: {first_line(error)}"
        return False
    except Exception as error:
        log.settled = "fail", f"{type(error).__name__}: {first_line(error)}"
        return False
    try:
        u = precision(bare, given)
        near = around(derivative, bare, given, along, u)
    except Exception as error:
        log.settled = "inconclusive", f"the bare function has no autodiff: {first_line(error)}"
        return True
    pairs = zip([*derived.parts, derived.values], [*near.parts, near.values], strict=True)
    rows = [*(judge(got, expected, u) for got, expected in pairs), sides_with(derived, near, u)]
    jax.debug.callback(log.stats.append, jnp.stack(rows))
    if met:
        _explore(call.of(_under(inner, call.rule.__wrapped__), rest), given)
    return True


def _require_dtypes(names: Sequence[str], parts: list[list[Any]], given: list[Any]) -> None:
    """JAX lets some cotangents of another dtype than their argument's pass."""
    for name, (bar,), a in zip(names, parts, given, strict=True):
        if bar.dtype != a.dtype:
            raise TypeError(f"the cotangent of {name} is {bar.dtype}, its argument {a.dtype}")


def _explore(bare: Callable[..., Any], given: list[Any]) -> None:
    """Differentiate a bare function, so that the rules inside it are judged too."""
    try:
        y, pull = jax.vjp(bare, given)
        pull(_like(jax.tree.map(lambda a: noise(a, 3) if is_inexact(a) else a, y), y))
    except Exception:
        _by_jvp(bare, given, given)


def _by_vjp(g: Callable[..., Any], given: list[Any], along: list[Any], y_bar: Any) -> Derived:
    """The cotangents, of the values that are finite."""
    y, pull = jax.vjp(g, given)
    weights = [_where_finite(y, a) for a, y in zip(inexact(y_bar), inexact(y), strict=True)]
    rest = iter(weights)
    bars = pull(_like(jax.tree.map(lambda a: next(rest) if is_inexact(a) else a, y_bar), y))[0]
    return Derived(_numbers(y), [[bar] for bar in bars], _phi(inexact(y), weights), _dot(bars, along))


def _by_jvp(g: Callable[..., Any], given: list[Any], along: list[Any]) -> Derived:
    """The tangents along one argument after another, of the values that are finite."""

    def pushed(along: list[Any]) -> tuple[Any, list[jax.Array]]:
        y, y_dot = jax.jvp(g, (given,), (along,))
        return y, [_where_finite(y, a) for a, y in zip(inexact(y_dot), inexact(y), strict=True)]

    value, tangents = pushed(
        [d.astype(a.dtype) for d, a in zip(along, given, strict=True)]
    )  # the value of the rule itself
    ones = [_where_finite(a, noise(a, i)) for i, a in enumerate(given)]
    parts = [pushed([one * float(i == j) for j, one in enumerate(ones)])[1] for i in range(len(given))]
    y = inexact(value)
    weights = [noise(a, 3) for a in y]
    slope = _dot(tangents, weights)
    return Derived(_numbers(value), parts, _phi(y, weights), slope)


def _numbers(y: Any) -> list[Any]:
    """All the numbers of a value, which a rule may not change: integers too."""
    whole = lambda a: hasattr(a, "dtype") and jnp.issubdtype(a.dtype, jnp.integer)
    return [*inexact(y), *(a.astype(jnp.float32) for a in jax.tree.leaves(y) if whole(a))]


def _where_finite(y: Any, a: Any) -> jax.Array:
    return jnp.where(jnp.isfinite(y), a, jnp.zeros_like(a))


def _phi(ys: list[Any], weights: list[Any]) -> jax.Array:
    """A number that the values make; those that are not finite add nothing."""
    return _dot([_where_finite(y, y) for y in ys], weights)


def _dot(xs: list[Any], ys: list[Any]) -> jax.Array:
    products = [jnp.sum((x * y.astype(x.dtype)).real.astype(jnp.float32)) for x, y in zip(xs, ys, strict=True)]
    return sum(products, start=jnp.zeros((), jnp.float32))


def _twin(rule: Any, handler: Handler, hear: Callable[[Any], None] = lambda bars: None) -> Any:
    """The same rule; a handler gets the rules that its function and passes call, and ``hear`` the cotangents."""
    fixed = getattr(rule, "nondiff_argnums", ())
    if isinstance(rule, jax.custom_jvp):
        twin = jax.custom_jvp(_under(handler, rule.__wrapped__), nondiff_argnums=fixed)
        twin.defjvp(_under(handler, rule.jvp), symbolic_zeros=rule.symbolic_zeros)
        return twin

    def bwd(*args: Any) -> Any:
        bars = rule.bwd(*args)
        hear(bars)
        return bars

    twin = jax.custom_vjp(_under(handler, rule.__wrapped__), nondiff_argnums=fixed)
    twin.defvjp(_under(handler, rule.fwd), _under(handler, bwd), symbolic_zeros=rule.symbolic_zeros)
    return twin


def _under(handler: Handler, f: Any) -> Callable[..., Any]:
    @wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        with intercept(handler):
            return f(*args, **kwargs)

    return run


def _taking_out(met: list[Rule], everything: bool) -> Handler:
    """A handler that calls the bare function, and notes that there was something to take out."""

    def handler(rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        met.append(rule)
        return rule.__wrapped__(*args, **kwargs)

    return handler if everything else sparing_jaxs(handler)


def _finite(y_bar: Any) -> Any:
    """A cotangent without the NaN and infinities of what comes after: the rules before are judged all the same."""
    return jax.tree.map(lambda a: jnp.where(jnp.isfinite(a), a, jnp.zeros_like(a)) if is_inexact(a) else a, y_bar)


def _not_zero(y_bar: Any) -> Any:
    """A cotangent, or a made-up one in place of one that is all zeros and would show nothing."""
    is_zero = ~jnp.any(jnp.stack([jnp.any(a != 0) for a in inexact(y_bar)]))
    return jax.tree.map(lambda a: jnp.where(is_zero, noise(a, 3), a) if is_inexact(a) else a, y_bar)


def _like(y_bar: Any, y: Any) -> Any:
    """A cotangent in the dtypes of y."""
    cast = lambda a, b: b.astype(a.dtype) if is_inexact(a) else np.zeros(np.shape(a), jax.dtypes.float0)
    return jax.tree.map(cast, y, y_bar)


def _stopped(tree: Any) -> Any:
    return jax.tree.map(lambda a: lax.stop_gradient(a) if is_inexact(a) else a, tree)


def _bytes(pull: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(pull))


def _bytes_of_transpose(rule: Callable[..., Any], given: list[Any]) -> int:
    try:
        return _bytes(jax.vjp(rule, given)[1])
    except Exception:
        return 0  # a rule for forward mode alone saves nothing
