"""A hijax primitive's own derivative as a custom rule, which is handed to a handler as any other."""

from functools import wraps
from typing import Any

import jax
from jax.experimental import hijax

HiPrim: Any = getattr(hijax, "HiPrim", None)  # JAX 0.10 has others, which stay unseen


def rule_of(primitive: Any) -> Any:
    """The rule that a primitive carries, the same one at each call; None without any, and for JAX's own."""
    if type(primitive).__module__.partition(".")[0] == "jax":
        return None
    kept = vars(primitive)
    if "_rule" not in kept:
        kept["_rule"] = _made(primitive)
    return kept["_rule"]


def has_rule(primitive: Any) -> bool:
    """Whether a primitive says how it is differentiated."""
    return any(
        getattr(type(primitive), name) is not getattr(HiPrim, name) for name in ("vjp_fwd", "jvp", "lin", "transpose")
    )


def _made(primitive: Any) -> Any:
    kind = type(primitive)

    @wraps(primitive.expand)
    def expand(*args: Any) -> Any:
        return primitive.expand(*args)

    expand.__name__ = kind.__name__
    if kind.vjp_fwd is not HiPrim.vjp_fwd:
        rule = jax.custom_vjp(expand)
        rule.defvjp(_forward(primitive), _backward(primitive))
        return rule
    if kind.jvp is not HiPrim.jvp:
        rule = jax.custom_jvp(expand)
        rule.defjvp(wraps(primitive.jvp)(lambda primals, tangents: primitive.jvp(primals, tangents)))
        return rule
    return None


def _forward(primitive: Any) -> Any:
    @wraps(primitive.vjp_fwd)
    def fwd(*args: Any) -> tuple[Any, Any]:
        value, residuals, *more = primitive.vjp_fwd(jax.tree.map(lambda _: True, args), *args)
        if len(more) > 1:
            raise NotImplementedError("structured residuals of a hijax primitive")
        return value, residuals

    return fwd


def _backward(primitive: Any) -> Any:
    is_zero = lambda bar: isinstance(bar, hijax.Zero)

    @wraps(primitive.vjp_bwd)
    def bwd(residuals: Any, y_bar: Any) -> Any:
        bars, _ = primitive.vjp_bwd_retval_logs(residuals, y_bar)
        return jax.tree.map(lambda bar: None if is_zero(bar) else bar, tuple(bars), is_leaf=is_zero)

    return bwd
