"""A function with every hand-written rule taken out."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from .._intercept import intercept

P = ParamSpec("P")
R = TypeVar("R")


def without_rules(f: Callable[P, R]) -> Callable[P, R]:
    """f with each `jax.custom_vjp` and `jax.custom_jvp` function that it calls replaced by its bare function.

    This holds at any depth: in jit, scan, while, cond, remat, vmap, shard_map, and in rules that call rules. `jax.grad` of
    the result is plain autodiff, and `jax.jvp`, `jax.jacfwd` and `jax.hessian` work through it. A rule in a program that
    was traced before it came here (a ClosedJaxpr, an export) cannot be seen and stays.

    Args:
      f: any function, with or without rules.

    Returns:
      A function of the same arguments and values.

    Example:
      >>> x, x_dot = jnp.array([0.5]), jnp.array([1.0])
      >>> y, y_dot = jax.jvp(without_rules(tanh), (x,), (x_dot,))   # jax.jvp(tanh, …) raises: the rule is a VJP
    """

    @wraps(f)
    def bare(*args: P.args, **kwargs: P.kwargs) -> R:
        with intercept(_call_bare):
            return f(*args, **kwargs)

    return bare


def _call_bare(rule: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return rule.__wrapped__(*args, **kwargs)
