"""Forward mode through the hand-written rules: a rule's tangent is the transpose of its own backward pass.

A backward pass is linear in its cotangent, x_bar = Jᵀ y_bar. Its transpose is y_dot = J x_dot, the tangent. `forward`
replaces each `jax.custom_vjp` rule by a `jax.custom_jvp` with that tangent. Transposed once more, by JAX in reverse mode,
it is the backward pass again: both modes are the rule's own.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from ._intercept import Handler, Rule, current, handing, in_order, intercept, name_of, under

P = ParamSpec("P")
R = TypeVar("R")


class NoTangentError(TypeError):
    """A rule has no tangent: its backward pass cannot be transposed."""


def forward(f: Callable[P, R]) -> Callable[P, R]:
    """f with forward mode through each `jax.custom_vjp` rule that it calls: `jax.jvp`, `jax.jacfwd`, `jax.hessian`.

    A rule's tangent is the transpose of its backward pass, made from what its forward pass saves. So it has the rule's
    stability, and its meaning where that differs from the derivative on purpose. This holds at any depth: in jit, scan,
    cond, remat, vmap, shard_map, and in rules that call rules. `jax.custom_jvp` rules stay as they are. A rule in a
    program that was traced before it came here (a ClosedJaxpr, an export) cannot be seen and stays too.

    Args:
      f: any function, with or without rules.

    Returns:
      A function of the same arguments and values, and with the same gradients. Differentiated, it raises TypeError where
      JAX cannot transpose a rule's backward pass: it must be linear in its cotangent, as `clip_gradient`'s is not.

    Example:
      >>> x, x_dot = jnp.array([0.5]), jnp.array([1.0])
      >>> y, y_dot = jax.jvp(forward(tanh), (x,), (x_dot,))   # jax.jvp(tanh, …) raises: the rule is a VJP
    """

    @wraps(f)
    def both_modes(*args: P.args, **kwargs: P.kwargs) -> R:
        outer = current()
        with intercept(outer if isinstance(outer, _WithTangent) else _WithTangent(outer)):
            return f(*args, **kwargs)

    return both_modes


@dataclass(frozen=True)
class _WithTangent:
    """A handler that calls each rule as a function with both modes; a handler that held outside still meets the rule."""

    outer: Handler | None

    def __call__(self, rule: Rule, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        outer, args = self.outer, in_order(rule, args, kwargs)
        if outer is not None:
            bare = met = handing(outer, lambda *args: outer(rule, args, {}))
        else:
            bare, met = handing(self, rule.__wrapped__), handing(None, under(self, rule))
        return met(*args) if isinstance(rule, jax.custom_jvp) else _with_tangent(rule, bare, met, args)


def _with_tangent(rule: Rule, bare: Callable[..., Any], met: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """``bare(*args)``, whose tangent is the transpose of the backward pass that ``met(*args)`` has.

    Inside of another backward pass ``bare`` is transposed itself, so that it must not be the rule.
    """
    moving = [i for i in range(len(args)) if i not in rule.nondiff_argnums]

    def of_moving(call: Callable[..., Any], *arrays: Any) -> Any:
        full = list(args)
        for i, a in zip(moving, arrays, strict=True):
            full[i] = a
        return call(*full)

    both_modes = jax.custom_jvp(partial(of_moving, bare))

    @partial(both_modes.defjvp, symbolic_zeros=True)
    def jvp(primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
        leaves, tree = jax.tree.flatten(primals)
        dots = jax.tree.leaves(tangents)
        places = [i for i, dot in enumerate(dots) if not _is_zero(dot)]

        def of_given(given: list[Any]) -> Any:
            full = list(leaves)
            for i, a in zip(places, given, strict=True):
                full[i] = a
            return of_moving(met, *jax.tree.unflatten(tree, full))

        y, pull = jax.vjp(of_given, [leaves[i] for i in places])
        return y, _transposed(rule, pull, y, [dots[i] for i in places])

    return handing(None, both_modes)(*(args[i] for i in moving))


def _transposed(rule: Rule, pull: Callable[[Any], Any], y: Any, x_dot: list[Any]) -> Any:
    """The transpose of a backward pass at x_dot: the tangent of y.

    Raises:
      NoTangentError: the backward pass is not linear.
    """
    ys, tree = jax.tree.flatten(y)
    inexact = [i for i, a in enumerate(ys) if jnp.issubdtype(jax.typeof(a).dtype, jnp.inexact)]

    def of_inexact(values: list[Any]) -> Any:
        full = [np.zeros(np.shape(a), jax.dtypes.float0) for a in ys]
        for i, value in zip(inexact, values, strict=True):
            full[i] = value
        return jax.tree.unflatten(tree, full)

    y_bar = [ys[i] for i in inexact]
    try:
        (y_dot,) = jax.linear_transpose(lambda y_bar: pull(of_inexact(y_bar)), y_bar)((x_dot,))
    except Exception as error:
        jax.eval_shape(lambda y_bar: pull(of_inexact(y_bar)), y_bar)  # raises where the backward pass itself does
        why = f": {error}" if isinstance(error, NotImplementedError) else ""
        raise NoTangentError(
            f"{name_of(rule)} ({_place(rule)}) has no forward mode: JAX cannot transpose its backward pass, "
            f"which must be linear in the cotangent{why}"
        ) from error
    return of_inexact(y_dot)


def _is_zero(dot: Any) -> bool:
    """Whether a tangent is zero, or that of an integer or a key, which has no other."""
    return isinstance(dot, SymbolicZero) or jax.typeof(dot).dtype == jax.dtypes.float0


def _place(rule: Rule) -> str:
    """Where the rule, or its backward pass if that is known, is written."""
    code = getattr(inspect.unwrap(getattr(rule, "bwd", None) or rule.__wrapped__), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else "unknown file"
