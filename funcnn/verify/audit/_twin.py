"""A rule's twin: the same rule, whose parts are listened to."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import jax

from ..._intercept import Handler, Rule, sparing_jaxs, under
from ._call import Call

Hear = Callable[[Sequence[Any]], None]


def twin(rule: Rule, handler: Handler, hear: Hear = lambda bars: None) -> Any:
    """The same rule; a handler gets the rules that its function and passes call, and ``hear`` the cotangents."""
    made: Any = under(handler, rule)
    if isinstance(rule, jax.custom_vjp) and made.bwd is not None:
        made.bwd = _heard(made.bwd, getattr(rule, "with_logs", False), hear)
    return made


def _heard(bwd: Callable[..., Any], with_logs: bool, hear: Hear) -> Callable[..., Any]:
    @wraps(bwd)
    def run(*args: Any) -> Any:
        returned = bwd(*args)
        bars = returned[0] if with_logs and isinstance(returned, (tuple, list)) and returned else returned
        if isinstance(bars, (tuple, list)):
            hear(bars)
        return returned

    return run


def in_remat(rule: Any) -> Any:
    """The rule as `jax.checkpoint` runs it, where it has passes of its own for that and others for elsewhere."""
    if not getattr(rule, "remat_rules", None) or rule.fwd is None:
        return None
    first, again, bwd, logs = rule.remat_rules

    def fwd(*args: Any) -> tuple[Any, Any]:
        return again(first(*args)[1], *args)

    made: Any = jax.custom_vjp(rule.__wrapped__, nondiff_argnums=rule.nondiff_argnums)
    (made.defvjp_with_logs if logs else made.defvjp)(fwd, bwd)
    return made


def named_without(call: Call, bars: Sequence[Any]) -> tuple[str, ...]:
    """The names of the arguments, or leaves of arguments, for which a backward pass returns None."""
    if len(bars) != len(call.arguments):
        return ()
    leaves = jax.tree_util.tree_leaves_with_path(tuple(bars), is_leaf=lambda bar: bar is None)
    within = lambda path: f"args[{call.arguments[path[0].idx]}]{jax.tree_util.keystr(path[1:])}"
    return tuple(within(path) for path, bar in leaves if bar is None)


def taking_out(met: list[Rule], everything: bool) -> Handler:
    """A handler that calls the bare function, and notes that there was something to take out."""

    def handler(rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        met.append(rule)
        return rule.__wrapped__(*args, **kwargs)

    return handler if everything else sparing_jaxs(handler)
