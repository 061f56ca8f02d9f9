"""What a case of the scoring set is, and the few lines that all cases and other tests share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np


class Case(NamedTuple):
    """A hand-written rule with one natural example input.

    The checker gets what a user would pass to it: the rule, its arguments, `reference` and `surrogate`. The set's own
    test uses the rest.

    Attributes:
      name: the maker's.
      make: ``make() -> (f, args)``, a fresh `jax.custom_vjp` function and its example arguments.
      fault: what is wrong, in a few words; "" for a right rule.
      stage: the row of the checker's table that it belongs to.
      reference, surrogate, domain: as for `funcnn.verify.check`.
      witness: ``witness()`` is true when the fault shows.
      truth: what a right rule is judged by, where autodiff of its bare function is wrong.
      points: moves the example to a smooth point.
      tolerance: relative.
      native: the rule is meant for JAX's own settings: no double precision, and the usual promotion of dtypes.
    """

    name: str
    make: Callable[[], tuple[Any, tuple]]
    fault: str
    stage: str
    reference: Callable | None = None
    surrogate: bool = False
    witness: Callable[[], bool] | None = None
    truth: Callable | None = None
    points: Callable | None = None
    tolerance: float = 1e-9
    domain: dict[str, Any] | None = None
    native: bool = False


@contextmanager
def settings(case: Case) -> Iterator[None]:
    """JAX's own settings where the case is meant for them, else the ones that are set."""
    if not case.native:
        yield
        return
    with jax.enable_x64(False), jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def bound(f: Any, args: tuple, *others: Any) -> tuple:
    """The rule, its arguments and the other functions without static floats, which are closed over."""
    static = {i: args[i] for i in getattr(f, "nondiff_argnums", ()) if isinstance(args[i], float)}
    if not static:
        return f, args, *others

    def close(g):
        def closed(*rest):
            left = iter(rest)
            return g(*(static[i] if i in static else next(left) for i in range(len(args))))

        return closed

    made: Any = close(f)
    made.__wrapped__ = close(f.__wrapped__)
    return made, tuple(a for i, a in enumerate(args) if i not in static), *(g and close(g) for g in others)


def wrong(cases: list[Case], fault: str, stage: str, witness: Callable[..., bool] | None, **more) -> Callable:
    """Decorates a maker of a wrong rule; `witness(rule, *args)` is true when the fault shows."""

    def add(make):
        def shows():
            f, args = make()
            return bool(witness(f, *args))

        cases.append(Case(make.__name__, make, fault, stage, witness=shows if witness else None, **more))
        return make

    return add


def right(cases: list[Case], stage: str, witness: Callable[..., bool] | None = None, **more) -> Callable:
    """Decorates a maker of a right rule; `stage` is the one that a careless checker would fail it at."""
    return wrong(cases, "", stage, witness, **more)


def rule(f: Callable, fwd: Callable, bwd: Callable, nondiff_argnums: tuple[int, ...] = (), **options: bool):
    """A `jax.custom_vjp` function from its three parts, with the options of defvjp."""
    made = jax.custom_vjp(f, nondiff_argnums=nondiff_argnums)
    made.defvjp(fwd, bwd, **options)
    return made


def pointwise(f: Callable, slope: Callable):
    """A rule that saves `x` and multiplies the cotangent by `slope(x)`."""
    return rule(f, lambda x: (f(x), x), lambda x, y_bar: (y_bar * slope(x),))


def from_output(f: Callable, slope: Callable):
    """A rule that saves `y` and multiplies the cotangent by `slope(y)`."""

    def fwd(x):
        y = f(x)
        return y, y

    return rule(f, fwd, lambda y, y_bar: (y_bar * slope(y),))


def normal(*shape: int, seed: int = 0, dtype=jnp.float32):
    """Standard normal numbers: the input that everybody tries first."""
    return jax.device_put(np.random.default_rng(seed).normal(size=shape).astype(dtype))


def uniform(*shape: int, low: float = 0.0, high: float = 1.0, seed: int = 0, dtype=jnp.float32):
    """Uniform numbers, for functions of a probability, a pixel or a positive number."""
    return jax.device_put(np.random.default_rng(seed).uniform(low, high, size=shape).astype(dtype))


def ones(*shape: int, dtype=jnp.float32):
    """The usual first value of a scale."""
    return jax.device_put(np.ones(shape, dtype))


def zeros(*shape: int, dtype=jnp.float32):
    """The usual first value of a bias."""
    return jax.device_put(np.zeros(shape, dtype))


def softmax(x):
    """Over the last axis."""
    return jax.nn.softmax(x, axis=-1)


def wide(x):
    """At least float32."""
    return x.astype(jnp.float32) if x.dtype.itemsize < 4 else x


def of_rank(rank: int, *arrays):
    """Refuses arrays of another rank, which broadcasting might let pass."""
    for array in arrays:
        if array.ndim != rank:
            raise ValueError(f"an array of shape {array.shape} came, one of {rank} axes was expected")


def need(fits: bool):
    """Refuses shapes that do not belong together, which broadcasting might let pass."""
    if not fits:
        raise ValueError("the arguments' shapes do not fit")


def like(bars, args):
    """Each cotangent in its argument's dtype."""
    return tuple(bar.astype(arg.dtype) for bar, arg in zip(bars, args, strict=True))


def double(*shape: int, seed: int = 7):
    """Standard normal numbers in float64."""
    return normal(*shape, seed=seed, dtype=jnp.float64)
