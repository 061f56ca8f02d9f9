"""A function with every hand-written rule taken out."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import jax

from .._intercept import intercept, sparing_jaxs

P = ParamSpec("P")
R = TypeVar("R")


def without_rules(f: Callable[P, R], *, everything: bool = False) -> Callable[P, R]:
    """f with each `jax.custom_vjp` and `jax.custom_jvp` function that it calls replaced by its bare function.

    This holds at any depth: in jit, scan, while, cond, remat, vmap, shard_map, and in rules that call rules. `jax.grad` of
    the result is plain autodiff, and `jax.jvp`, `jax.jacfwd` and `jax.hessian` work through it. A rule in a program that
    was traced before it came here (a ClosedJaxpr, an export) cannot be seen and stays.

    The rules that JAX itself ships are a part of autodiff and stay. By its rule the slope of `jax.nn.softplus` at 0 is ½,
    and by autodiff of its bare function 0. Those of them that are VJPs stay in reverse mode only.

    Args:
      f: any function, with or without rules.
      everything: whether the rules that are defined in a module of JAX are taken out as well.

    Returns:
      A function of the same arguments and values.

    Example:
      >>> x, x_dot = jnp.array([0.5]), jnp.array([1.0])
      >>> y, y_dot = jax.jvp(without_rules(tanh), (x,), (x_dot,))   # jax.jvp(tanh, …) raises: the rule is a VJP
    """

    @wraps(f)
    def bare(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            with intercept(_call_bare if everything else _call_bare_but_jaxs):
                return f(*args, **kwargs)
        except TypeError as error:
            if everything or not ("forward-mode" in str(error) and "custom_vjp" in str(error)):
                raise
        with intercept(_call_bare_but_jaxs_jvps):
            return f(*args, **kwargs)

    return bare


def _call_bare(rule: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return rule.__wrapped__(*args, **kwargs)


# One for all calls, so that traces are shared.
_call_bare_but_jaxs, _call_bare_but_jaxs_jvps = sparing_jaxs(_call_bare), sparing_jaxs(_call_bare, jax.custom_jvp)
