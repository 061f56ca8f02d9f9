"""At what points rules of several numbers are measured, and by what terms, as data. A case is one small call."""

from collections.abc import Callable, Mapping
from functools import partial
from math import inf, log
from types import MappingProxyType
from typing import Any, NamedTuple

import jax.numpy as jnp

from funcnn.rules._catalogue import Classes, Signs, Simplex, Uniform
from tests.helpers import terms_at_points as terms

N = 8
_ROW = (N,)
_MANY = (2.0**-100, 2.0**100)
_FEW = (2.0**-6, 2.0**6)
_POSITIVE = Uniform((), 0.0, inf)


class Case(NamedTuple):
    """How a rule is measured.

    Attributes:
      arguments: its arrays, in order, described as in the catalogue.
      options: of the call.
      terms: of rule, arguments and cotangent: terms of results, by the results' names.
      undecided: of arguments: whether the point is as near to a kink as rounding goes, where slopes jump.
      sizes: of arguments, from the least that is not 0 to the largest.
    """

    arguments: dict[str, Any]
    options: Mapping[str, Any] = MappingProxyType({})
    terms: Callable[[Callable, dict[str, Any], Any], dict[str, Any]] | None = None
    undecided: Callable[[dict[str, Any]], Any] | None = None
    sizes: tuple[float, float] = (0.0, inf)


_PAIR = {"x": (), "gate": ()}
_ERROR = {"prediction": (), "target": ()}
_NORM = {"scale": (4,), "shift": (4,)}

CASES: dict[str, Case] = {
    "glu": Case(_PAIR, terms=terms.gated),
    "reglu": Case(_PAIR),
    "geglu": Case(_PAIR, terms=terms.gated),
    "swiglu": Case(_PAIR, terms=terms.gated),
    "prelu": Case({"x": (3, 2), "a": (2,)}),
    "snake": Case({"x": (), "alpha": ()}, terms=terms.snake, sizes=(0.0, 2.0**40)),
    "softmax": Case({"x": _ROW}, terms=lambda rule, a, bar: {"x_bar": bar}),
    "log_softmax": Case({"x": _ROW}, terms=terms.log_softmax),
    "logsumexp": Case({"x": _ROW}, terms=lambda rule, a, bar: {"value": jnp.abs(jnp.max(a["x"])) + log(N)}),
    "sparsemax": Case({"x": _ROW}, undecided=terms.near(terms.sparsemax)),
    "bilinear": Case(
        {"x": (3, 4), "z": (3, 2), "w": (4, 2, 3), "b": (3,)}, terms=terms.products(), sizes=(2.0**-40, 2.0**40)
    ),
    "linear": Case({"x": (3, 5), "w": (5, 2), "b": (2,)}, terms=terms.products()),
    "lora_linear": Case(
        {"x": (2, 3), "w": (3, 2), "a": (3, 2), "b": (2, 2)}, terms=terms.products(), sizes=(2.0**-40, 2.0**40)
    ),
    "rope": Case({"x": (1, 2, 1, 4), "positions": Classes((2,), 2**20)}),
    "mlp": Case(
        {"x": (2, 3), "w_in": (3, 4), "w_out": (4, 2), "b_in": (4,), "b_out": (2,)}, terms=terms.mlp, sizes=_FEW
    ),
    "gated_mlp": Case(
        {"x": (2, 3), "w_gate": (3, 4), "w_up": (3, 4), "w_down": (4, 2)}, terms=terms.gated_mlp, sizes=_FEW
    ),
    "scale_shift": Case({"x": (3, 2), "scale": (2,), "shift": (2,)}, terms=terms.products()),
    "dot_product_attention": Case(
        {"query": (2, 1, 2), "key": (3, 1, 2), "value": (3, 1, 2)}, terms=terms.attention, sizes=(2.0**-20, 2.0**20)
    ),
    "cosine_distance": Case({"prediction": _ROW, "target": _ROW}, terms=terms.cosine, sizes=_MANY),
    "hinge": Case(
        {"prediction": (), "target": Signs(())},
        terms=lambda rule, a, bar: {"value": 1 + jnp.abs(a["prediction"])},
        undecided=terms.near(lambda a: (1 - a["prediction"] * a["target"], 1.0)),
    ),
    "multiclass_hinge": Case(
        {"scores": _ROW, "labels": Classes((), N)},
        terms=lambda rule, a, bar: {"value": terms.margins(a)[1]},
        undecided=terms.near(terms.margins),
    ),
    "einsum": Case(
        {"x": (2, 3), "w": (3, 2, 2)},
        {"equation": "...d,dhk->...hk"},
        terms=terms.products(partial(jnp.einsum, "...d,dhk->...hk")),
    ),
    "info_nce": Case(
        {"query": (4, 3), "key": (4, 3)}, {"temperature": 1.0}, terms=terms.info_nce, sizes=(0.0, 2.0**50)
    ),
    "linear_js_divergence": Case(
        {"x": (2, 3), "w": (3, 4), "teacher_x": (2, 2), "teacher_w": (2, 4)},
        terms=terms.between_heads,
        sizes=(0.0, 2.0**50),
    ),
    "linear_log_prob": Case(
        {"x": (2, 3), "w": (3, 5), "labels": Classes((2,), 5), "b": (5,)},
        {"chunk": 2},
        terms=terms.log_prob,
        sizes=(0.0, 2.0**50),
    ),
    "ctc": Case(
        {"logits": (1, 4, 3), "labels": Classes((1, 2), 2)}, {"blank": 2}, terms=terms.ctc, sizes=(0.0, 2.0**50)
    ),
    "linear_recurrence": Case(
        {"a": (1, 3, 2), "x": (1, 3, 2), "h": (1, 2)}, terms=terms.recurrence, sizes=(2.0**-20, 2.0**20)
    ),
    "rnn": Case(
        {"x": (1, 2, 2), "h": (1, 2), "w_x": (2, 2), "w_h": (2, 2), "b": (2,)},
        terms=terms.recurrent,
        sizes=(2.0**-6, 2.0**3),
    ),
    "gru": Case(
        {"x": (1, 2, 2), "h": (1, 2), "w_x": (2, 6), "w_h": (2, 6), "b_x": (6,), "b_h": (6,)},
        terms=terms.recurrent,
        sizes=(2.0**-6, 2.0**3),
    ),
    "lstm": Case(
        {"x": (1, 2, 2), "h": (1, 2), "c": (1, 2), "w_x": (2, 8), "w_h": (2, 8), "b": (8,)},
        terms=terms.recurrent,
        sizes=(2.0**-6, 2.0**3),
    ),
    "kl_divergence": Case({"log_predictions": _ROW, "targets": Simplex(_ROW)}, terms=terms.divergence),
    "poisson_nll": Case({"prediction": (), "target": _POSITIVE}, terms=terms.poisson),
    "gaussian_nll": Case({"mean": (), "target": (), "variance": _POSITIVE}, terms=terms.gaussian, sizes=_MANY),
    "squared_error": Case(_ERROR, sizes=_MANY),
    "absolute_error": Case(_ERROR, sizes=_MANY),
    "huber": Case(_ERROR, sizes=_MANY),
    "log_cosh": Case(_ERROR, sizes=_MANY),
    "sigmoid_cross_entropy": Case(
        {"logits": (), "labels": Uniform(()), "pos_weight": Uniform((), 0.0, 16.0)},
        terms=terms.yes_or_no,
        sizes=(0.0, 2.0**100),
    ),
    "focal": Case({"logits": (), "labels": Uniform(())}, terms=terms.focal, sizes=(0.0, 2.0**100)),
    "softmax_cross_entropy": Case(
        {"logits": _ROW, "labels": Simplex(_ROW), "class_weights": Uniform(_ROW)},
        terms=terms.cross_entropy,
        sizes=(0.0, 2.0**100),
    ),
    "triplet": Case(
        {"anchor": _ROW, "positive": _ROW, "negative": _ROW},
        terms=lambda rule, a, bar: {"value": terms.triplet(a)[1], "anchor_bar": bar},
        undecided=terms.near(terms.triplet),
        sizes=_MANY,
    ),
    "layer_norm": Case({"x": (3, 4), **_NORM}, terms=terms.scaled(-1), sizes=_MANY),
    "rms_norm": Case({"x": (3, 4), "scale": (4,)}, terms=terms.scaled(-1, centred=False), sizes=(2.0**-59, 2.0**59)),
    "batch_norm": Case({"x": (5, 4), **_NORM}, terms=terms.scaled(0), sizes=_MANY),
    "batch_norm_inference": Case(
        {"x": (3, 4), "mean": (4,), "variance": Uniform((4,), 0.0, inf), **_NORM},
        terms=terms.inference,
        sizes=(2.0**-40, 2.0**40),
    ),
    "group_norm": Case(
        {"x": (2, 3, 4), **_NORM},
        {"groups": 2},
        terms=terms.scaled((1, 3), lambda v: v.reshape(2, 3, 2, 2)),
        sizes=_MANY,
    ),
    "instance_norm": Case({"x": (2, 5, 4), **_NORM}, terms=terms.scaled(1), sizes=_MANY),
    "l2_normalize": Case({"x": _ROW}, terms=terms.unit, sizes=_MANY),
    "weight_norm": Case({"v": (5, 2), "g": (2,)}, terms=terms.weight, sizes=_MANY),
    "spectral_norm": Case({"w": (4, 3), "u": (3,)}, {"iterations": 0}, terms=terms.spectral, sizes=_MANY),
    "safe_divide": Case({"numerator": (), "denominator": ()}, terms=terms.quotient),
    "safe_norm": Case({"x": _ROW}, terms=lambda rule, a, bar: {terms.RANGE: 4 / jnp.linalg.norm(a["x"])}, sizes=_MANY),
}
