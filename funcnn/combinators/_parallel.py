"""Several layers side by side."""

from .._core import Layer, run_calibration
from .._shown import shown
from ._children import LayerLike, children_of, split


@shown
def parallel(*layers: LayerLike, **named: LayerLike) -> Layer:
    """Several layers side by side on the same input: ``parallel(f, g)`` is x -> (f(x), g(x)).

    Args:
      *layers: layers, or plain functions; parameters and result are then tuples.
      **named: the same with names; parameters and result are then dicts.

    Returns:
      A layer.
    """
    children, pack, unpack = children_of("parallel", layers, named)

    def init(key, x):
        return pack([layer.init(k, x) for layer, k in zip(children, split(key, len(children)), strict=True)])

    def apply(params, x, *, key=None, training=False):
        each = zip(children, unpack(params), split(key, len(children)), strict=True)
        return pack([layer.apply(p, x, key=k, training=training) for layer, p, k in each])

    def calibrate(params, batches):
        calibrated, results = [], []
        for layer, p in zip(children, unpack(params), strict=True):
            p, values = run_calibration(layer, p, batches)
            calibrated.append(p)
            results.append(values)
        return pack(calibrated), [pack([values[i] for values in results]) for i in range(len(batches))]

    return Layer(init, apply, calibrate)
