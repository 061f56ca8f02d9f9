"""More smooth activations, and the gated linear units."""

from ..activations._glu import (
    geglu,
    geglu_reference,
    glu,
    glu_reference,
    reglu,
    reglu_reference,
    swiglu,
    swiglu_reference,
)
from ..activations._mish import mish, mish_reference
from ..activations._sigmoid import log_sigmoid, log_sigmoid_reference
from ..activations._sine import sine, sine_reference
from ..activations._snake import snake, snake_reference
from ..activations._softsign import softsign, softsign_reference
from ..activations._squareplus import squareplus, squareplus_reference
from ..activations._tanh import softcap, softcap_reference
from ._entry import ELEMENTWISE, Edge, Entry, Example, inf, nan


def _with(*options):
    """The usual shapes, and a matrix for each setting of the options."""
    return [*ELEMENTWISE, *(Example(((3, 5),), setting) for setting in options)]


def _edges(*points, **options):
    return [Edge((x,), y, (bar,), options) for x, y, bar in points]


_FREQUENCIES = [((), ()), ((1,), ()), ((7,), (7,)), ((3, 5), (5,)), ((3, 5), ()), ((2, 1, 3), (3,)), ((2, 3, 1), (1,)), ((0, 3), (3,))]
_PAIRS = [
    *(Example((shape, shape)) for shape in [(1,), (7,), (3, 5), (2, 1, 3), (0, 3)]),
    *(Example((shape, None), {"axis": axis}) for shape, axis in [((4,), -1), ((3, 2), -1), ((2, 4, 3), 1), ((0, 2), 0), ((4, 5), 0)]),
]

entries = [
    Entry(
        mish, mish_reference, ELEMENTWISE,
        _edges((0.0, 0.0, 0.6), (inf, inf, 1.0), (-inf, 0.0, 0.0), (-1e30, 0.0, 0.0), (1e30, 1e30, 1.0), (nan, nan, nan)),
        saved=(0,),
    ),
    Entry(
        softsign, softsign_reference, ELEMENTWISE,
        _edges((0.0, 0.0, 1.0), (inf, 1.0, 0.0), (-inf, -1.0, 0.0), (1e30, 1.0, 1e-60), (nan, nan, nan)),
        saved=(0,),
    ),
    Entry(
        log_sigmoid, log_sigmoid_reference, ELEMENTWISE,
        _edges((inf, 0.0, 0.0), (-inf, -inf, 1.0), (-1e30, -1e30, 1.0), (nan, nan, nan)),
        saved=("y",),
    ),
    Entry(
        squareplus, squareplus_reference, _with({"b": 0.1}, {"b": 1.0}),
        _edges((0.0, 1.0, 0.5), (inf, inf, 1.0), (-inf, 0.0, 0.0), (1e30, 1e30, 1.0), (-1e30, 1e-30, 1e-60), (nan, nan, nan)),
        saved=("y",),
    ),
    Entry(
        softcap, softcap_reference,
        [Example(e.args, {"cap": cap}) for e, cap in zip(ELEMENTWISE, (1.0, 0.5, 3.0, 2.0, 50.0, 1.0), strict=True)],
        _edges((0.0, 0.0, 1.0), (inf, 2.0, 0.0), (-inf, -2.0, 0.0), (1e30, 2.0, 0.0), (nan, nan, nan), cap=2.0),
        saved=("y",),
    ),
    Entry(
        sine, sine_reference, _with({"omega": 1.0}, {"omega": -2.5}, {"omega": 0.0}),
        _edges((0.0, 0.0, 30.0), (inf, nan, nan), (nan, nan, nan)),
        saved=(0,),
    ),
    Entry(
        snake, snake_reference, [Example(shapes) for shapes in _FREQUENCIES],
        [Edge((0.0, 2.0), 0.0, (1.0, 0.0)), Edge((3.0, 0.0), 3.0, (1.0, 9.0)), Edge((inf, 1.0), nan, (nan, nan))],
        saved=(0, 1),
    ),
    Entry(
        glu, glu_reference, _PAIRS,
        [Edge((2.0, inf), 2.0, (1.0, 0.0)), Edge((2.0, -inf), 0.0, (0.0, 0.0)), Edge((2.0, 0.0), 1.0, (0.5, 0.5))],
        saved=(0, 1), batched=2,
    ),
    Entry(
        reglu, reglu_reference, _PAIRS,
        [Edge((2.0, 0.0), 0.0, (0.0, 0.0)), Edge((2.0, -inf), 0.0, (0.0, 0.0)), Edge((2.0, inf), inf, (inf, 2.0))],
        saved=(0, 1), batched=2,
    ),
    Entry(
        geglu, geglu_reference,
        [Example(e.args, e.options | {"approximate": i % 2 == 0}) for i, e in enumerate(_PAIRS)],
        [Edge((2.0, u), y, bars, {"approximate": a}) for a in (True, False) for u, y, bars in
         [(0.0, 0.0, (0.0, 1.0)), (-inf, 0.0, (0.0, 0.0)), (inf, inf, (inf, 2.0))]],
        saved=(0, 1), batched=2,
    ),
    Entry(
        swiglu, swiglu_reference, _PAIRS,
        [Edge((2.0, 0.0), 0.0, (0.0, 1.0)), Edge((2.0, -inf), 0.0, (0.0, 0.0)), Edge((2.0, inf), inf, (inf, 2.0))],
        saved=(0, 1), batched=2,
    ),
]  # fmt: skip
