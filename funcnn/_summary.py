"""A table of a model's layers: outputs, parameters, FLOPs, and bytes saved for the backward pass."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import jaxpr_as_fun, jaxprs_in_params  # pyright: ignore[reportPrivateImportUsage]

from ._core import Layer, PyTree, as_layer
from ._html import element, notebook, table, table_row
from ._intercept import intercept, name_of
from ._table import aligned
from .combinators import LayerLike, watching


class Row(NamedTuple):
    """One layer of a model, or a combinator with layers inside.

    Attributes:
      path: its place in the parameters, such as ``body.1``; empty for the whole model.
      output: the dtypes and shapes of its result, such as ``float32[32, 10]``.
      parameters: how many numbers it learns.
      parameter_bytes: the bytes of its parameters.
      forward_flops, backward_flops: floating-point operations of one pass, as XLA counts them before it optimizes. A tanh
        or a logarithm counts as one. None where the platform does not count.
      saved_bytes: the bytes saved for the backward pass, its input's included if that is saved, its parameters' not.
      rules: the names of the hand-written rules that it calls.
    """

    path: str
    output: str
    parameters: int
    parameter_bytes: int
    forward_flops: int | None
    backward_flops: int | None
    saved_bytes: int
    rules: tuple[str, ...]


class Summary(NamedTuple):
    """The result of `summary`; ``print`` shows a table, a notebook shows HTML.

    Attributes:
      rows: the whole model first, and each combinator before the layers inside it.
    """

    rows: tuple[Row, ...]

    def __str__(self) -> str:
        return aligned([_COLUMNS, *map(_cells, self.rows)], [name in _NUMERIC for name in _COLUMNS])

    def _repr_html_(self) -> str:
        def cells(tag, texts):
            for name, text in zip(_COLUMNS, texts, strict=True):
                yield element(tag, text, class_="number" if name in _NUMERIC else "text")

        rows = [table_row(cells("td", _cells(row))) for row in self.rows]
        return notebook(table(cells("th", _COLUMNS), rows, "layers"))


def summary(model: LayerLike, x: PyTree) -> Summary:
    """Tabulate a model for inputs like x: a row for the whole, and one for each layer in `serial` and `parallel`.

    It needs shapes only: nothing is drawn, computed or compiled. The passes are those of training, and the backward pass
    is that by parameters and input. A layer in `repeat` is shown once, as one repetition; the row of `repeat` counts all.

    Args:
      model: a layer, or a function x -> y.
      x: a batch, or its shapes: arrays or `jax.ShapeDtypeStruct`, or a pytree of them.

    Returns:
      The rows. An array that two layers of a `serial` save is counted once in the row of the whole. A compiled step may
      save less, and compute less.

    Raises:
      TypeError: model is neither; the model's own errors for an x that it does not take.

    Example:
      >>> import funcnn as fn
      >>> found = fn.summary(fn.serial(body=fn.linear(8), act=fn.relu, head=fn.linear(2)), jnp.ones((4, 3), "float32"))
      >>> [(row.path, row.output, row.parameters, row.saved_bytes) for row in found.rows[1:]]  # print(found) shows all
      [('body', 'float32[4, 8]', 32, 48), ('act', 'float32[4, 8]', 0, 128), ('head', 'float32[4, 2]', 18, 128)]
    """
    model = as_layer(model)
    x = jax.tree.map(lambda a: jax.ShapeDtypeStruct(jnp.shape(a), jnp.result_type(a)), x)
    params = jax.eval_shape(model.init, jax.random.key(0), x)
    met: list[_Met] = []
    watch = _watcher(met)
    with watching(watch):
        jax.eval_shape(lambda params, x: watch("", model, params, x, key=jax.random.key(0), training=True), params, x)
    return Summary(tuple(map(_row, met)))


class _Met(NamedTuple):
    """A layer that was applied: where, and to what shapes."""

    path: tuple[str, ...]
    layer: Layer
    params: PyTree
    x: PyTree


def _watcher(met: list[_Met]) -> Callable[..., Any]:
    """Record every layer that is applied, each combinator before the layers inside it."""
    path: list[str] = []

    def watch(name, layer, params, x, **options):
        path.append(name)
        shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), (params, x))
        met.append(_Met(tuple(path[1:]), layer, *shapes))
        try:
            return layer.apply(params, x, **options)
        finally:
            path.pop()

    return watch


def _row(met: _Met) -> Row:
    def forward(params, x):
        return met.layer.apply(params, x, key=jax.random.key(0), training=True)

    def both(params, x, y_bar):
        y, pull = jax.vjp(forward, params, x)
        return y, pull(jax.tree.map(lambda g, a: g if _floating(a) else np.zeros(a.shape, jax.dtypes.float0), y_bar, y))

    rules: dict[str, None] = {}

    def meet(rule, args, kwargs):
        rules[name_of(rule)] = None
        with intercept(None):
            return rule(*args, **kwargs)

    with intercept(meet):
        y = jax.eval_shape(forward, met.params, met.x)
    once = _flops(jax.make_jaxpr(forward)(met.params, met.x))
    twice = _flops(jax.make_jaxpr(both)(met.params, met.x, y))
    return Row(
        path=".".join(met.path),
        output=", ".join(f"{a.dtype}{list(a.shape)}" for a in jax.tree.leaves(y)),
        parameters=sum(a.size for a in jax.tree.leaves(met.params)),
        parameter_bytes=_bytes(jax.tree.leaves(met.params)),
        forward_flops=once,
        backward_flops=None if once is None or twice is None else twice - once,
        saved_bytes=_saved(forward, met),
        rules=tuple(rules),
    )


def _saved(forward, met):
    """Bytes of the arrays saved for the backward pass, each counted once, the parameters not counted."""
    program = jax.make_jaxpr(lambda *args: jax.tree.leaves(jax.vjp(forward, *args)[1]))(met.params, met.x).jaxpr
    params = program.invars[: len(jax.tree.leaves(met.params))]
    kept = {v for v in program.outvars if not hasattr(v, "val")} - {*params}  # a literal has a val, and no bytes
    return _bytes(v.aval for v in kept)


def _flops(program) -> int | None:
    """XLA's count, with each scan's body counted as often as it runs: XLA counts it once."""
    once = _counted(program)
    if once is None:
        return None
    return once + sum(n * (_flops(body) or 0) - (_counted(body) or 0) for n, body in _scans(program.jaxpr))


def _counted(program) -> int | None:
    shapes = [jax.ShapeDtypeStruct(v.aval.shape, v.aval.dtype) for v in program.jaxpr.invars]
    cost = jax.jit(jaxpr_as_fun(program)).lower(*shapes).cost_analysis()
    return None if cost is None else round(cost.get("flops", 0) + cost.get("transcendentals", 0))


def _scans(jaxpr) -> Iterator[tuple[int, Any]]:
    """Length and body of the scans in a program, those inside a scan's body not counted."""
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "scan":
            yield eqn.params["length"], eqn.params["jaxpr"]
        else:
            for inner in jaxprs_in_params(eqn.params):
                yield from _scans(inner)


def _floating(a):
    return jnp.issubdtype(a.dtype, jnp.floating)


def _bytes(arrays) -> int:
    return sum(a.size * a.dtype.itemsize for a in arrays)


_COLUMNS = ("layer", "output", "parameters", "bytes", "forward FLOPs", "backward FLOPs", "saved", "rules")
_NUMERIC = _COLUMNS[2:7]


def _cells(row: Row) -> list[str]:
    *parts, name = row.path.split(".") if row.path else ["model"]
    work = ["-" if n is None else _short(n) for n in (row.forward_flops, row.backward_flops)]
    saved = f"{row.parameters:,}", _short(row.parameter_bytes, 1024, "B"), *work, _short(row.saved_bytes, 1024, "B")
    indent = "  " * (len(parts) + bool(row.path))
    return [indent + name, row.output, *saved, ", ".join(row.rules)]


def _short(n: int, step: int = 1000, unit: str = "") -> str:
    """Three digits and a prefix: ``1.21 M``."""
    value, prefixes = float(n), ["", "k", "M", "G", "T", "P"]
    while round(value) >= step and len(prefixes) > 1:
        value /= step
        prefixes.pop(0)
    prefix = prefixes[0] if step == 1000 or not prefixes[0] else prefixes[0].upper() + "i"
    digits = f"{value:.3g}" if prefix and value < 1000 else f"{value:.0f}"
    return f"{digits} {prefix}{unit}".rstrip()
