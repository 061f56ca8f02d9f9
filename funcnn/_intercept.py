"""While a function is traced, hand every custom rule that it calls to a handler.

The one place that knows how JAX calls a rule. Inside the context, a call of a `jax.custom_vjp` or `jax.custom_jvp` function
calls the handler instead. So does a call of a hijax primitive, whose rule is made one of these. The handler is also a user
context of JAX's, hence a part of the key of every cache that tracing has (jit, scan, remat). So what was traced outside the
context, or under another handler, is traced again. Outside the context nothing is patched.
"""

import inspect
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, wraps
from typing import Any

import jax

from ._hijax import HiPrim, rule_of

Rule = jax.custom_vjp | jax.custom_jvp
Handler = Callable[[Rule, tuple[Any, ...], dict[str, Any]], Any]

_handler = jax.make_user_context(None)
_lock = threading.Lock()
_KINDS = (jax.custom_vjp, jax.custom_jvp, *([HiPrim] if HiPrim else []))
_calls: dict[type, Callable[..., Any]] = {kind: kind.__call__ for kind in _KINDS}
_users = 0


@contextmanager
def intercept(handler: Handler | None) -> Iterator[None]:
    """Inside, ``rule(*args, **kwargs)`` is ``handler(rule, args, kwargs)``; None calls the rule as ever.

    Equal handlers share traces, so a handler that keeps anything between calls must be a new function each time.
    """
    _patch(+1)
    try:
        with _handler(handler):
            yield
    finally:
        _patch(-1)


def current() -> Handler | None:
    """The handler that holds here, None outside of any."""
    return _handler.value


def sparing_jaxs(handler: Handler, kinds: Any = Rule) -> Handler:
    """The handler, but for the rules that JAX ships: these stay, and what they call in turn goes to it all the same."""

    def spared(rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not (isinstance(rule, kinds) and ships_with_jax(rule)):
            return handler(rule, args, kwargs)
        with intercept(None):
            return under(spared, rule)(*args, **kwargs)

    return spared


def name_of(rule: Rule) -> str:
    """What users call a rule: `rope` for `_rope`, if its module has a function of that name in front of it."""
    name = getattr(rule, "__name__", type(rule).__name__)
    module, public = sys.modules.get(getattr(rule, "__module__", None) or ""), name.removeprefix("_")
    return public if callable(getattr(module, public, None)) else name


def ships_with_jax(rule: Rule) -> bool:
    """Whether each function that a rule is made of is JAX's own: `jax.custom_vjp(jnp.tanh)` has passes of yours."""
    *in_remat, _ = getattr(rule, "remat_rules", None) or (None,)
    return all(map(_is_jaxs, [*_passes(rule).values(), *in_remat]))


def _passes(rule: Rule) -> dict[str, Callable[..., Any]]:
    return {name: f for name, f in vars(rule).items() if name in {"fun", "jvp", "fwd", "bwd"} and f is not None}


def _is_jaxs(f: Any) -> bool:
    """Whether a function is defined in a module of JAX; what makes rules of others' functions stands for those."""
    if isinstance(f, partial):
        return _is_jaxs(f.func)
    if f.__module__ == jax.custom_jvp.defjvps.__module__:  # of defjvps, or of jax.custom_gradient
        held = (cell.cell_contents for cell in getattr(f, "__closure__", None) or ())
        inside = [g for value in held for g in (value if isinstance(value, tuple) else (value,))]
        return all(_is_jaxs(g) for g in inside if callable(g) and not isinstance(g, Rule))
    return f.__module__.partition(".")[0] == "jax"


def in_order(rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """All arguments by position, as JAX resolves them."""
    bound = inspect.signature(rule.__wrapped__).bind(*args, **kwargs)
    bound.apply_defaults()
    if any(name in kwargs for name in bound.kwargs):
        raise TypeError(f"{name_of(rule)} takes arguments by position only, got {', '.join(bound.kwargs)} by name")
    return bound.args


def under(handler: Handler, rule: Rule) -> Rule:
    """The same rule, but the rules that its function and its passes call, whenever they are traced, go to the handler."""
    twin = object.__new__(type(rule))  # custom_vjp's own __new__ may want the function
    vars(twin).update(vars(rule))
    for name, f in _passes(rule).items():
        setattr(twin, name, handing(handler, f))
    if remat_rules := getattr(rule, "remat_rules", None):  # three functions, and whether the last one logs
        *passes, logs = remat_rules
        vars(twin)["remat_rules"] = (*(handing(handler, f) for f in passes), logs)
    return twin


def handing(handler: Handler | None, f: Callable[..., Any]) -> Callable[..., Any]:
    """f, whose calls of rules go to a handler."""

    @wraps(f)
    def run(*args: Any, **kwargs: Any) -> Any:
        with intercept(handler):
            return f(*args, **kwargs)

    return run


def _patch(change: int) -> None:
    """Patch on the first user's entry, in whichever thread, and restore on the last one's exit."""
    global _users
    with _lock:
        _users += change
        for kind, call in _calls.items():
            type.__setattr__(kind, "__call__", _dispatch if _users else call)


def _dispatch(called: Any, *args: Any, **kwargs: Any) -> Any:
    handler = current()
    rule = called if handler is None or isinstance(called, Rule) else rule_of(called)
    if handler is None or rule is None:
        call = next(call for kind, call in _calls.items() if isinstance(called, kind))
        return call(called, *args, **kwargs)
    return handler(rule, args, kwargs)
