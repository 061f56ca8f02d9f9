"""One set of parameters in several places of a model."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax

from .._calibration import run_calibration, while_drawn
from .._core import Layer, Params, PyTree, Stream, as_layer, split_key
from .._shown import shown
from .._streaming import stream_of, with_params
from ._children import LayerLike, described


@shown
def shared(place: Callable[..., LayerLike], layer: LayerLike, *uses: Callable[[Params, PyTree], PyTree]) -> Layer:
    """A model with one set of parameters in several places.

    Args:
      place: ``place(layer, *uses) -> model``: the model, with the layer and the other uses of its parameters wherever they
        are to stand.
      layer: whose parameters these are. They are drawn for the input that it meets first.
      *uses: functions ``(params, x) -> y`` of the same parameters; ``place`` gets each as a layer.

    Returns:
      A layer with parameters ``{"shared": those of the layer, "rest": the model's}``. In the rest, each place of the
      layer is ``()``. What `funcnn.calibrate` measures in the layer, it measures over the inputs of all places.

    Raises:
      ValueError: the layer stands nowhere in the model, or a use of its parameters comes before it.

    Example:
      >>> twins = shared(lambda f: branches(f, f), linear(4))
      >>> depth_of_six = shared(lambda block: serial(*[block] * 6), residual(serial(linear(3), tanh)))
      >>> back = lambda params, x: x @ params["table"].T
      >>> tied = shared(lambda embed, out: serial(embed, layer_norm(), out), embedding(100, 16), back)
      >>> sorted(tied.init(jax.random.key(0), jnp.array([[3, 5]])))
      ['rest', 'shared']

    Source:
      Press & Wolf, "Using the output embedding to improve language models", 2017, for the tied embedding.
    """
    layer = as_layer(layer)
    model = partial(_model, place, layer, uses)

    def init(key, x):
        shared_key, rest_key = split_key(key)
        params = _drawn(model, layer, shared_key, rest_key, x)
        with while_drawn():
            return {"shared": params, "rest": model(lambda: params).init(rest_key, x)}

    def apply(params, x, *, key=None, training=False):
        own, rest = _two(params)
        return model(lambda: own).apply(rest, x, key=key, training=training)

    def calibrate(params, batches):
        own, rest = _two(params)
        own = _measured(model, layer, own, rest, batches)
        hand_on = lambda _, inputs: ((), [layer.apply(own, x) for x in inputs])
        rest, results = run_calibration(model(lambda: own, calibrate=hand_on), rest, batches)
        return {"shared": own, "rest": rest}, results

    def start(params, like):
        own, rest = _two(params)
        return stream_of(model(lambda: own)).start(rest, like)

    def step(params, carry, x, lengths=None):
        own, rest = _two(params)
        return stream_of(model(lambda: own)).step(rest, carry, x, lengths)

    return Layer(init, apply, calibrate, Stream(start, step))


def _model(place, layer, uses, params: Callable[[], Params], init=lambda key, x: (), calibrate=None) -> Layer:
    """The model in which the layer and the other uses take these parameters, and have none of their own."""
    use_layer = lambda _, x, **options: layer.apply(params(), x, **options)
    bound = [lambda _, x, use=use, **options: use(params(), x) for use in uses]
    stream = with_params(stream_of(layer), lambda _: params())
    places = Layer(init, use_layer, calibrate, stream), *(Layer(lambda key, x: (), apply) for apply in bound)
    return as_layer(place(*places))


def _drawn(model, layer, shared_key, rest_key, x) -> Params:
    """The shared parameters, drawn for the input that the layer meets first."""
    met: list[PyTree] = []

    def drawn() -> Any:
        if not met:
            raise ValueError("shared: place must put the layer into the model, before any other use of its parameters")
        return layer.init(shared_key, met[0])

    def meet(key, x):
        met.append(jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), x))
        return ()

    jax.eval_shape(model(drawn, meet).init, rest_key, x)
    return drawn()


def _measured(model, layer, own, rest, batches) -> Params:
    """The shared parameters, measured over the inputs of all places."""
    measured, met = own, []

    def measure(_, inputs):
        nonlocal measured
        met.extend(inputs)
        measured, results = run_calibration(layer, own, met)
        return (), results[-len(inputs) :]

    run_calibration(model(lambda: measured, calibrate=measure), rest, batches)
    return measured


def _two(params: Params) -> tuple[Params, Params]:
    """The shared parameters, and the rest."""
    if not isinstance(params, dict) or set(params) != {"shared", "rest"}:
        raise ValueError(f"shared: params must be a dict of ['rest', 'shared'], got {described(params)}")
    return params["shared"], params["rest"]
