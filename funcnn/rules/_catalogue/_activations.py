"""Elementwise activations."""

from ..activations._gelu import gelu, gelu_reference
from ..activations._relu import leaky_relu, leaky_relu_reference, relu, relu_reference
from ..activations._sigmoid import sigmoid, sigmoid_reference, softplus, softplus_reference
from ..activations._silu import silu, silu_reference
from ..activations._tanh import tanh, tanh_reference
from ._entry import ELEMENTWISE, Edge, Entry, Example, inf, nan

entries = [
    Entry(
        tanh, tanh_reference, ELEMENTWISE,
        [Edge((0.0,), 0.0, (1.0,)), Edge((inf,), 1.0, (0.0,)), Edge((-inf,), -1.0, (0.0,)), Edge((1e30,), 1.0, (0.0,)),
         Edge((nan,), nan, (nan,))],
        saved=("y",),
    ),
    Entry(
        sigmoid, sigmoid_reference, ELEMENTWISE,
        [Edge((0.0,), 0.5, (0.25,)), Edge((inf,), 1.0, (0.0,)), Edge((-inf,), 0.0, (0.0,)), Edge((nan,), nan, (nan,))],
        saved=("y",),
    ),
    Entry(
        softplus, softplus_reference, ELEMENTWISE,
        [Edge((inf,), inf, (1.0,)), Edge((-inf,), 0.0, (0.0,)), Edge((1e30,), 1e30, (1.0,)), Edge((nan,), nan, (nan,))],
        saved=("y",),
    ),
    Entry(
        relu, relu_reference, ELEMENTWISE,
        [Edge((0.0,), 0.0, (0.0,)), Edge((inf,), inf, (1.0,)), Edge((-inf,), 0.0, (0.0,)), Edge((nan,), nan, (0.0,))],
        saved=("y",),
    ),
    Entry(
        leaky_relu, leaky_relu_reference,
        [*ELEMENTWISE, *(Example(((3, 5),), {"negative_slope": a}) for a in (0.2, 0.0, -1.0, 2.0))],
        [Edge((0.0,), 0.0, (0.01,)), Edge((inf,), inf, (1.0,)), Edge((-inf,), -inf, (0.01,)), Edge((nan,), nan, (0.01,)),
         Edge((0.0,), 0.0, (-1.0,), {"negative_slope": -1.0})],
        saved=("y",),
    ),
    Entry(
        gelu, gelu_reference,
        [Example(e.args, {"approximate": a}) for e in ELEMENTWISE for a in (True, False)],
        [Edge((x,), y, (d,), {"approximate": a}) for a in (True, False) for x, y, d in
         [(0.0, 0.0, 0.5), (inf, inf, 1.0), (-inf, 0.0, 0.0), (1e30, 1e30, 1.0), (-1e30, 0.0, 0.0), (nan, nan, nan)]],
        saved=(0,),
    ),
    Entry(
        silu, silu_reference, ELEMENTWISE,
        [Edge((0.0,), 0.0, (0.5,)), Edge((inf,), inf, (1.0,)), Edge((-inf,), 0.0, (0.0,)), Edge((-1e30,), 0.0, (0.0,)),
         Edge((nan,), nan, (nan,))],
        saved=(0,),
    ),
]
