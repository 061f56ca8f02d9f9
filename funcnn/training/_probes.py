r"""What the backward pass knows of each layer: the norms of its gradients, and where a number first was not finite.

Behind each layer stands an identity with a second argument, a mark. Its backward pass hands the cotangent on as it came,
and gives the mark a cotangent of its own: 0, or 1 if the layer's output was not finite, and the same for the output's
cotangent. So marks come out of loops, recomputation and functions compiled apart as any gradient does, and those of
repetitions add up.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from .._core import Layer, Params, PyTree, place
from .._paths import dotted
from ..combinators import watching
from ..rules._common._precision import widen
from ._metrics import Sums, weighted

Marks = dict[str, jax.Array]
OUTPUT, COTANGENT, GRADIENT = "nonfinite_output.", "nonfinite_cotangent.", "gradient_norm."


class Look(NamedTuple):
    """A gradient, and what is seen on the way to it.

    Attributes:
      gradient: ``gradient(objective, params, batch, key) -> ((value, others), gradient, sums)`` of an objective that gives
        ``(value, others)``.
      untaken: ``untaken(params, batch, key) -> sums``, zeros.
      blamed: ``blamed(params, batch, key, results) -> text``: where a step's first NaN or inf came about.
    """

    gradient: Callable[..., tuple[Any, Params, dict[str, Sums]]]
    untaken: Callable[..., dict[str, Sums]]
    blamed: Callable[..., str]


UNPROBED = Look(
    gradient=lambda objective, *at: (*jax.value_and_grad(objective, has_aux=True)(*at), {}),
    untaken=lambda *at: {},
    blamed=lambda *at: "",
)


def probed(model: Layer) -> Look:
    """The same gradient, with each layer's norms, and what was not finite by path."""

    def marks_at(params, batch, key):
        return _marks_for(lambda: model.apply(params, batch[0], key=key, training=True))

    def gradient(objective, params, batch, key):
        def marked(params, marks):
            with _marking(marks):
                return objective(params, batch, key)

        marks = marks_at(params, batch, key)
        both, (gradient, marks_bar) = jax.value_and_grad(marked, (0, 1), has_aux=True)(params, marks)
        squares = jax.tree.map(_square, gradient)
        return both, jax.tree.map(_squared_first, gradient, squares), _sums(squares, marks_bar)

    def untaken(params, batch, key):
        squares = jax.tree.map(_square, params)
        return jax.tree.map(jnp.zeros_like, _sums(squares, marks_at(params, batch, key)))

    def blamed(params, batch, key, results):
        return _first_nonfinite(list(marks_at(params, batch, key)), results)

    return Look(gradient, untaken, blamed)


def _marks_for(apply: Callable[[], Any]) -> Marks:
    """A mark for each layer that has no layers inside, from the first with parameters on, in the order of the forward pass.

    A mark behind an earlier layer would make a gradient by the input necessary.

    Args:
      apply: applies the model; only shapes are computed.
    """
    met: list[str] = []
    learned: list[bool] = []

    def watch(name, layer, params, x, **options):
        y = layer.apply(params, x, **options)
        met.append(".".join(place.get()))
        learned.append(bool(jax.tree.leaves(params)) or any(learned))
        return y

    with watching(watch):
        jax.eval_shape(apply)
    inner = [path for path in met if not any(other.startswith(f"{path}.") for other in met)]
    after = dict(zip(met, learned, strict=True))
    return {path: jnp.zeros(2, jnp.float32) for path in inner if after[path]}


def _marking(marks: Marks) -> Any:
    """Inside of this context each layer with a mark is followed by the identity that writes to it."""

    def watch(name, layer, params, x, **options):
        y = layer.apply(params, x, **options)
        mark = marks.get(".".join(place.get()))
        return y if mark is None else _marked(y, mark)

    return watching(watch)


def _square(a: jax.Array) -> jax.Array:
    """The sum of squares, float32 or wider; along the first axes first, since XLA adds up rows as vectors."""
    squares = jnp.square(jnp.abs(widen(a)))
    return jnp.sum(jnp.sum(squares, axis=tuple(range(a.ndim - 1))))


def _squared_first(a: jax.Array, square: jax.Array) -> jax.Array:
    """The array as it came, for use after its square is known: so that is taken while the array is in the cache.

    No square is below 0, which XLA does not know.
    """
    return jnp.where(square < 0, 0, a)


def _sums(squares: Params, marks_bar: Marks) -> dict[str, Sums]:
    """By column, what adds up over steps: norms of the gradient, of all and of each layer, and what was not finite.

    Args:
      squares: of the gradient, leaf by leaf.
      marks_bar: the cotangent of each mark.
    """
    by_layer: dict[str, jax.Array] = {}
    for path, leaf in jax.tree_util.tree_leaves_with_path(squares):
        layer = dotted(path[:-1])
        by_layer[layer] = by_layer.get(layer, 0) + leaf
    norms = {"gradient_norm": sum(by_layer.values())} | {GRADIENT + layer: a for layer, a in by_layer.items() if layer}
    sums = {name: weighted(jnp.sqrt(a), 1) for name, a in norms.items()}
    faults = {kind + path: bar[i] for path, bar in marks_bar.items() for i, kind in enumerate((OUTPUT, COTANGENT))}
    return sums | faults


def is_mark(column: str) -> bool:
    """Whether a column is one of those that say where something was not finite."""
    return column.startswith((OUTPUT, COTANGENT))


def _first_nonfinite(layers: Sequence[str], results: Mapping[str, Any]) -> str:
    """Where a step's first number that was not finite came about, in words; empty where the results do not tell.

    That is the first output in the forward pass. If all outputs were finite, it is the first cotangent in the backward
    pass, which begins at the last layer.

    Args:
      layers: with a mark, in the order of the forward pass.
      results: of one step, by column.
    """
    if path := _first(layers, [int(results[OUTPUT + path]) for path in layers]):
        return f"the output of layer {path} first"
    path = _first(layers[::-1], [int(results[COTANGENT + path]) for path in layers[::-1]])
    return f"the cotangent of layer {path}'s output first" if path else ""


def _first(layers: Sequence[str], counts: Sequence[int]) -> str:
    """The first layer that counted something; in a repeated layer, where its parts count once less before the fault."""
    found = [(path, count) for path, count in zip(layers, counts, strict=True) if count]
    for path, count in found:
        alike = path.partition(".")[0] == found[0][0].partition(".")[0]
        if not alike or count > found[0][1] + 1:
            break
        if count == found[0][1] + 1:
            return path
    return found[0][0] if found else ""


@jax.custom_vjp
def _marked(y: PyTree, mark: jax.Array) -> PyTree:
    """y, whose backward pass writes to the mark."""
    return _marked_fwd(y, mark)[0]


def _marked_fwd(y, mark):
    del mark
    return y, _fault(y)


def _marked_bwd(fault, y_bar):
    return y_bar, jnp.stack([fault, _fault(y_bar)])


_marked.defvjp(_marked_fwd, _marked_bwd)


def _fault(tree):
    """1 if a number is not finite, otherwise 0: times 0 a finite number is 0, and any other NaN."""
    floating = [a for a in jax.tree.leaves(tree) if jnp.issubdtype(a.dtype, jnp.inexact)]
    return jnp.array([_times_zero(a) != 0 for a in floating]).any().astype(jnp.float32)


def _times_zero(a):
    """Σ 0 · a, by a product with a vector: a CPU takes that at the rate at which it reads the array."""
    return jnp.dot(a, jnp.zeros(a.shape[-1:], a.dtype)).sum()
