"""Several layers side by side: on the same input, or each on its own."""

from .._calibration import run_calibration
from .._core import Layer, Stream
from .._shown import shown
from .._streaming import stream_of
from ._children import LayerLike, carries_of, children_of, split


@shown
def parallel(*layers: LayerLike, **named: LayerLike) -> Layer:
    """Several layers side by side on the same input: ``parallel(f, g)`` is x -> (f(x), g(x)).

    Args:
      *layers: layers, or plain functions; parameters and result are then tuples.
      **named: the same with names; parameters and result are then dicts.

    Returns:
      A layer.

    Raises:
      TypeError: some layers are positional and others named, or one is not a layer.

    Example:
      >>> model, x = parallel(mean=linear(1), variance=serial(linear(1), softplus)), jnp.ones((4, 3))
      >>> jax.tree.map(jnp.shape, model.apply(model.init(jax.random.key(0), x), x))
      {'mean': (4, 1), 'variance': (4, 1)}
    """
    return _side_by_side("parallel", layers, named)


@shown
def branches(*layers: LayerLike, **named: LayerLike) -> Layer:
    """Several layers side by side, each on its own input: ``branches(f, g)`` is (x, z) -> (f(x), g(z)).

    Args:
      *layers: layers, or plain functions; input, parameters and result are then tuples.
      **named: the same with names; input, parameters and result are then dicts.

    Returns:
      A layer.

    Raises:
      TypeError: as `parallel`.
      ValueError: the input has not one part for each layer.

    Example:
      >>> model = branches(image=flatten, speed=linear(4))
      >>> x = {"image": jnp.ones((2, 8, 8, 3)), "speed": jnp.ones((2, 1))}
      >>> jax.tree.map(jnp.shape, model.apply(model.init(jax.random.key(0), x), x))
      {'image': (2, 192), 'speed': (2, 4)}
    """
    return _side_by_side("branches", layers, named, each_its_own=True)


def _side_by_side(combinator, layers, named, each_its_own=False):
    children, pack, unpack = children_of(combinator, layers, named)

    def inputs(x):
        return unpack(x, "x") if each_its_own else [x] * len(children)

    def init(key, x):
        each = zip(children, split(key, len(children)), inputs(x), strict=True)
        return pack([layer.init(k, x) for layer, k, x in each])

    def apply(params, x, *, key=None, training=False):
        each = zip(children, unpack(params), inputs(x), split(key, len(children)), strict=True)
        return pack([layer.apply(p, x, key=k, training=training) for layer, p, x, k in each])

    def calibrate(params, batches):
        calibrated, results = [], []
        for layer, p, own in zip(children, unpack(params), zip(*map(inputs, batches), strict=True), strict=True):
            p, values = run_calibration(layer, p, list(own))
            calibrated.append(p)
            results.append(values)
        return pack(calibrated), [pack([values[i] for values in results]) for i in range(len(batches))]

    def start(params, like):
        each = zip(children, unpack(params), inputs(like), strict=True)
        return tuple(stream_of(layer).start(p, like) for layer, p, like in each)

    def step(params, carry, x, lengths=None):
        each = zip(children, unpack(params), carries_of(combinator, carry, len(children)), inputs(x), strict=True)
        stepped = [stream_of(layer).step(p, c, x, lengths) for layer, p, c, x in each]
        return tuple(c for c, _ in stepped), pack([y for _, y in stepped])

    return Layer(init, apply, calibrate, Stream(start, step))
