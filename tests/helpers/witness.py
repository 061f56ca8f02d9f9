"""How a case's fault is shown: the rule beside autodiff of its bare function, at a point where they part."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

FAST = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


def is_float(leaf) -> bool:
    """Whether a leaf can have a gradient: a float, or an array of floats or complex numbers."""
    return isinstance(leaf, float) or (hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jnp.inexact))


def widest(leaf):
    """A float leaf in double precision, on the host."""
    return np.asarray(leaf, np.complex128 if np.iscomplexobj(leaf) else np.float64)


def random_like(rng, leaf):
    """A random cotangent of an output leaf."""
    if not is_float(leaf):
        return np.zeros(leaf.shape, jax.dtypes.float0)
    value = rng.normal(size=leaf.shape)
    return jnp.asarray(value + 1j * rng.normal(size=leaf.shape) if np.iscomplexobj(leaf) else value, leaf.dtype)


def smooth(args, seed: int = 1):
    """The arguments in float64, each float moved a little: off its default, its kinks, its ties."""
    rng = np.random.default_rng(seed)

    def move(leaf):
        if not is_float(leaf):
            return leaf
        value = widest(leaf)
        return jax.device_put(value * rng.uniform(0.9, 1.1, value.shape) + rng.uniform(0.005, 0.015, value.shape))

    return jax.tree.map(move, tuple(args))


def doubled(args):
    """The arguments themselves in float64, where a move would spoil them."""
    return jax.tree.map(lambda leaf: jax.device_put(widest(leaf)) if is_float(leaf) else leaf, tuple(args))


def pullbacks(fs, args, y_bar=None, compiled: bool = True) -> list[list]:
    """For each function the cotangents of the float leaves of `args`, for one random output cotangent or the one given."""
    leaves, tree = jax.tree.flatten(tuple(args))
    places = [i for i, leaf in enumerate(leaves) if is_float(leaf)]

    def cotangents(f, *floats):
        rng = np.random.default_rng(2)

        def of_floats(*floats):
            full = list(leaves)
            for i, leaf in zip(places, floats, strict=True):
                full[i] = leaf
            return f(*jax.tree.unflatten(tree, full))

        y, pull = jax.vjp(of_floats, *floats)
        return list(pull(jax.tree.map(partial(random_like, rng), y) if y_bar is None else y_bar))

    def every(*floats):
        return [cotangents(f, *floats) for f in fs]

    floats = [leaves[i] for i in places]
    return jax.jit(every, compiler_options=FAST)(*floats) if compiled else every(*floats)


def pullback(f: Callable, args, y_bar=None, compiled: bool = True) -> list:
    """`pullbacks` of one function."""
    return pullbacks([f], args, y_bar, compiled)[0]


def differences(f: Callable, args, step: float = 1e-6) -> list[np.ndarray]:
    """What `pullback` gives, by central differences, of the cotangent that `pullbacks` draws; JAX's complex convention."""
    leaves, tree = jax.tree.flatten(tuple(args))
    compiled, rng = jax.jit(f), np.random.default_rng(2)
    y_bars = [np.asarray(random_like(rng, y)) for y in jax.tree.leaves(compiled(*args))]

    def total(i, value):
        ys = jax.tree.leaves(compiled(*jax.tree.unflatten(tree, [*leaves[:i], jnp.asarray(value), *leaves[i + 1 :]])))
        return sum(np.real(np.sum(y_bar * widest(y))) for y, y_bar in zip(ys, y_bars, strict=True) if is_float(y))

    def slope(i, value, move):
        return (total(i, value + move) - total(i, value - move)) / (2 * step)

    bars = []
    for i, leaf in enumerate(leaves):
        if is_float(leaf):
            value = widest(leaf)
            moves = [step * one.reshape(value.shape) for one in np.eye(value.size)]
            bar = np.array([slope(i, value, move) for move in moves])
            if np.iscomplexobj(value):
                bar = bar - 1j * np.array([slope(i, value, 1j * move) for move in moves])
            bars.append(bar.reshape(value.shape))
    return bars


def gap(got, expected) -> float:
    """The largest error of any argument relative to its largest cotangent; inf where only `got` is not finite."""
    worst = 0.0
    for a, b in zip(got, expected, strict=True):
        a, b = widest(a), widest(b)
        finite = np.isfinite(b)
        if not np.isfinite(a[finite]).all():
            return np.inf
        if finite.any():
            scale = np.abs(b[finite]).max() or 1.0
            worst = max(worst, np.abs(a - b)[finite].max() / scale)
    return worst


def differs(at: Callable | None = None, y_bar=None, tolerance: float = 1e-3):
    """Rule and autodiff of its bare function part at `at(*args)` (default: a smooth point beside the example)."""

    def witness(f, *args):
        args = smooth(args) if at is None else at(*args)
        return gap(*pullbacks([f, f.__wrapped__], args, y_bar)) > tolerance

    return witness


def off_differences(at: Callable | None = None, tolerance: float = 1e-3):
    """Rule and finite differences of its bare function part: where autodiff is not finite."""

    def witness(f, *args):
        args = smooth(args) if at is None else at(*args)
        return gap(pullback(f, args), differences(f.__wrapped__, args)) > tolerance

    return witness


def near_differences(at: Callable | None = None, tolerance: float = 1e-6):
    """Rule and finite differences of its bare function agree: a right rule where autodiff is not finite."""
    apart = off_differences(at, tolerance)
    return lambda f, *args: not apart(f, *args)


def nonlinear(y_bar: float = 1.0, factor: float = 2.0, tolerance: float = 1e-3):
    """bwd(factor · y_bar) is not factor · bwd(y_bar), for a constant cotangent."""

    def witness(f, *args):
        y, pull = jax.vjp(f, *args)
        once = pull(jax.tree.map(lambda leaf: jnp.full_like(leaf, y_bar), y))
        more = pull(jax.tree.map(lambda leaf: jnp.full_like(leaf, factor * y_bar), y))
        floats = [(a, factor * b) for a, b in zip(more, once, strict=True) if is_float(a)]
        return gap(*zip(*floats, strict=True)) > tolerance

    return witness


def stale(f, *args):
    """Two forward passes, then the first one's backward: it uses the second one's residual."""
    y, first = jax.vjp(f, *args)
    jax.vjp(f, *jax.tree.map(lambda leaf: leaf * 0.5 if is_float(leaf) else leaf, args))
    return gap(first(jnp.ones_like(y)), jax.vjp(f.__wrapped__, *args)[1](jnp.ones_like(y))) > 1e-3


def other_value(f, *args):
    """What fwd returns as value is not what f returns."""
    return gap(jax.tree.leaves(jax.vjp(f, *args)[0]), jax.tree.leaves(f(*args))) > 1e-5


def other_value_at(point: Callable):
    """At the point that is made of the arguments, what fwd returns as value is not what f returns, infinities included."""

    def witness(f, *args):
        args = point(*args)
        return not np.array_equal(jax.vjp(f, *args)[0], f(*args), equal_nan=True)

    return witness


def other_dtype(f, *args):
    """A cotangent whose dtype is not its argument's."""
    leaves = [leaf for leaf in jax.tree.leaves(args) if is_float(leaf)]
    return any(bar.dtype != leaf.dtype for bar, leaf in zip(pullback(f, args), leaves, strict=True))


def second_order(f, *args):
    """The gradient of a weighted sum of first gradients is not the bare function's."""

    def slope(g):
        return lambda *a: jnp.sum(jnp.sin(jax.grad(lambda *b: jnp.sum(jnp.sin(g(*b))))(*a)))

    args = smooth(args)
    return gap([jax.grad(slope(f))(*args)], [jax.grad(slope(f.__wrapped__))(*args)]) > 1e-3


def second_order_at(point: Callable):
    """At the point that is made of the arguments, the derivative of the gradient is not its slope."""

    def witness(f, *args):
        (x,) = point(*args)
        slope = lambda t: jax.grad(lambda x: jnp.sum(jnp.sin(f(x))))(x + t)
        return gap([jax.jvp(slope, (0.0,), (1.0,))[1]], [(slope(1e-6) - slope(-1e-6)) / 2e-6]) > 1e-3

    return witness


def raises(transform: Callable = lambda f: f):
    """`transform` of the gradient raises, and of the bare function's does not."""

    def witness(f, *args):
        transform(lambda *a: pullback(f.__wrapped__, a, compiled=False))(*args)
        try:
            transform(lambda *a: pullback(f, a, compiled=False))(*args)
        except (TypeError, ValueError, jax.errors.JAXTypeError):
            return True
        return False

    return witness


def at(*values, dtype=jnp.float64):
    """A witness point that takes the place of the first argument."""
    return lambda _, *rest: (jnp.asarray(values, dtype), *rest)


def differs_from_itself(f, x):
    """Two runs give two answers."""
    return gap(pullback(f, (x,), compiled=False), pullback(f, (x,), compiled=False)) > 1e-6


def worse_than_autodiff(change, factor: float = 20.0):
    """In the example's precision the rule's error against float64 is many times autodiff's."""

    def witness(f, *args):
        args = change(*args)
        doubles = tuple(a.astype(jnp.float64) for a in args)
        true = pullback(f.__wrapped__, doubles)
        return gap(pullback(f, args), true) > factor * gap(pullback(f.__wrapped__, args), true)

    return witness


def differs_from(reference, at: Callable | None = None):
    """The rule's cotangents part from autodiff of `reference`."""
    return lambda f, *args: gap(*pullbacks([f, reference], at(*args) if at else smooth(args))) > 1e-3
