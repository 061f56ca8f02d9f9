"""At what points rules of several numbers are measured, and by what terms, as data.

A case is one small call. Each of its results that is a difference of larger terms has its terms here: functions of the
rule, its arguments by name and the first cotangent.
"""

from collections.abc import Callable, Mapping
from functools import partial
from math import inf, log
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from funcnn.rules._catalogue import Classes, Signs, Simplex, Uniform

N = 8
_ROW = (N,)
_MANY = (2.0**-100, 2.0**100)
_FEW = (2.0**-6, 2.0**6)
_POSITIVE = Uniform((), 0.0, inf)
LEAST = 2.0**-96  # of a factor that is e^x somewhere: what flushes to 0 there
RANGE = "range"  # the term that says what a rule needs within the dtype's range, and is 0 beyond


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


def _gated(rule, a, bar):
    """A gate's slope has a root, near which it counts as 2⁻⁷; what passes the gate counts as at least LEAST of x."""
    return {"value": LEAST * a["x"], "x_bar": LEAST * bar, "gate_bar": 2.0**-7 * a["x"] * bar}


def _log_softmax(rule, a, bar):
    return {"x_bar": jnp.abs(bar) + jax.nn.softmax(a["x"]) * jnp.sum(jnp.abs(bar))}


def _snake(rule, a, bar):
    x, u = a["x"], a["alpha"] * a["x"]
    return {"value": x, "x_bar": bar * (1 + jnp.abs(u)), "alpha_bar": bar * x * x}


def _products(f=None):
    """Sums of products: by the function itself, the rule's own, of the sizes of all."""

    def terms(rule, a, bar):
        y, pull = jax.vjp(f or rule, *map(jnp.abs, a.values()))
        return {"value": y} | {f"{k}_bar": term for k, term in zip(a, pull(jnp.abs(bar)), strict=True)}

    return terms


def _mlp(rule, a, bar):
    """A slope of 1 + |h|, of the terms that h is a sum of: rounding of h moves the activation's slope so far."""
    x, bar, first, second = jnp.abs(a["x"]), jnp.abs(bar), *(jnp.abs(a[w]) for w in ("w_in", "w_out"))
    h = x @ first + jnp.abs(a["b_in"])
    h_bar = (bar @ second.T) * (1 + h)
    bars = {"x_bar": h_bar @ first.T, "w_in_bar": x.T @ h_bar, "w_out_bar": h.T @ bar, "b_in_bar": h_bar.sum(0)}
    return {"value": h @ second + jnp.abs(a["b_out"]), RANGE: jnp.stack([h, h_bar])} | bars


def _gated_mlp(rule, a, bar):
    """The same, with the gate's weight in every term."""
    x, gate, up, down = (jnp.abs(v) for v in a.values())
    g, u, bar = x @ gate, x @ up, jnp.abs(bar)
    a_bar = bar @ down.T
    g_bar, u_bar = a_bar * u * (1 + g), a_bar * g
    bars = {"w_gate_bar": x.T @ g_bar, "w_up_bar": x.T @ u_bar, "w_down_bar": (g * u).T @ bar}
    within = {RANGE: jnp.stack([g * u, g_bar, u_bar])}
    return {"value": (g * u) @ down, "x_bar": g_bar @ gate.T + u_bar @ up.T} | bars | within


def _scaled(axes, rows=lambda v: v, centred=True):
    """scale z + shift, r scale y_bar and z y_bar: what is subtracted on the way is no larger."""

    def terms(rule, a, bar):
        x, scale = rows(a["x"]), a["scale"]
        x = x - jnp.mean(x, axes, keepdims=True) if centred else x
        r = jax.lax.rsqrt(jnp.mean(x * x, axes, keepdims=True) + (1e-5 if centred else 1e-6))
        z = (x * r).reshape(a["x"].shape)
        value = jnp.max(jnp.abs(scale)) * jnp.abs(z) + jnp.abs(a.get("shift", 0))
        return {"value": value, "x_bar": r * rows(scale * bar), "scale_bar": jnp.max(jnp.abs(bar)) * z}

    return terms


def _inference(rule, a, bar):
    r = jax.lax.rsqrt(a["variance"] + 1e-5)
    return {"value": jnp.abs(a["scale"] * r * (a["x"] - a["mean"])) + jnp.abs(a["shift"]), RANGE: r * r}


def _cosine(rule, a, bar):
    slopes = {k: 1 / jnp.maximum(jnp.linalg.norm(v), 1e-6) for k, v in a.items()}
    return {"value": jnp.ones(()), RANGE: jnp.stack(list(slopes.values()))} | {
        f"{k}_bar": bar * v for k, v in slopes.items()
    }


def _unit(rule, a, bar):
    r = 1 / jnp.maximum(jnp.linalg.norm(a["x"]), 1e-12)
    return {"x_bar": bar * r, RANGE: r}


def _weight(rule, a, bar):
    r = 1 / jnp.maximum(jnp.linalg.norm(a["v"], axis=0), 1e-40)
    return {"v_bar": bar * r * a["g"], RANGE: r}


def _quotient(rule, a, bar):
    n, d = a.values()
    inverse = lambda v: 1 / jnp.where(v == 0, 1, v)
    return {RANGE: jnp.stack([inverse(d), 4 * inverse(n) * d])}


def _spectral(rule, a, bar):
    w, u = a["w"], a["u"] / jnp.maximum(jnp.linalg.norm(a["u"]), 1e-300)
    s = jnp.maximum(jnp.linalg.norm(w @ u), 1e-12)
    lost = jnp.max(jnp.abs(w) @ jnp.abs(u)) / s
    return {
        "value": lost * w / s,
        "w_bar": lost * (jnp.max(jnp.abs(bar)) + jnp.sum(jnp.abs(w * bar)) / s) / s,
        RANGE: 1 / s,
    }


def _info_nce(rule, a, bar):
    q, k = (jnp.abs(v) for v in a.values())
    s = q @ k.T
    bars = jnp.abs(bar)[:, None] * (1 + jnp.max(s, -1, keepdims=True))
    return {"value": s, "query_bar": bars * jnp.max(k, 0), "key_bar": bars * q}


def _attention(rule, a, bar):
    """A score's rounding is that of its largest product, and moves each probability by as much of itself."""
    q, k, v, bar = (jnp.abs(b)[:, 0] for b in (*a.values(), bar))
    scale = q.shape[1] ** -0.5
    far = 1 + scale * jnp.max(q @ k.T)
    scores = far * scale * jnp.max(bar @ v.T)
    return {
        "value": far * jnp.max(v),
        "query_bar": scores * jnp.max(k),
        "key_bar": scores * jnp.max(q),
        "value_bar": far * jnp.max(bar),
    }


def _recurrent(rule, a, bar):
    """A pre-activation's rounding is that of its terms, and moves state and slopes by as much."""
    a = {name: jnp.abs(v) for name, v in a.items()}
    state = 1 + jnp.max(jnp.stack([jnp.max(a[name]) for name in ("h", "c") if name in a]))
    biases = sum(jnp.max(v) for name, v in a.items() if name.startswith("b"))
    far = 1 + jnp.max(a["x"] @ a["w_x"]) + jnp.max(jnp.sum(state * a["w_h"], 0)) + biases
    bars = 2.0**8 * far * state  # as large as any cotangent of the results, times that
    through = {"h": far, "x": jnp.max(jnp.sum(a["w_x"], 1)), "w_x": jnp.max(a["x"]), "w_h": state}
    found = {f"{name}_bar": bars * through.get(name, 1) for name in a}
    return {"value": far * state, RANGE: far**2 * jnp.max(jnp.stack([*found.values()]))} | found


def _recurrence(rule, a, bar):
    """Sums of products, with a cotangent of the last state as large as any, and y, which is kept, no subnormal number."""
    y, pull = jax.vjp(rule, *map(jnp.abs, a.values()))
    bars = pull((jnp.abs(bar), jnp.full_like(y[1], 2.0**8)))
    kept = jnp.abs(rule(*a.values())[0])
    return {"value": y[0], RANGE: 4 / jnp.where(kept == 0, 1, kept)} | {
        f"{k}_bar": term for k, term in zip(a, bars, strict=True)
    }


def _log_prob(rule, a, bar):
    x, w, _, b = (jnp.abs(v) for v in a.values())
    size = 1 + jnp.max(x @ w + b)
    bars = 2.0**8 * size  # as large as any cotangent of the three numbers, times the logits' error
    return {"value": size, "x_bar": bars * jnp.sum(w, -1), "w_bar": bars * jnp.sum(x, 0), "b_bar": bars}


def _between_heads(rule, a, bar):
    """A logit's rounding is that of its largest product, and moves a logarithm of a probability by as much."""
    x, w, other_x, other_w = (jnp.abs(v) for v in a.values())
    size = 1 + jnp.max(x @ w) + jnp.max(other_x @ other_w)
    bars = size * jnp.max(jnp.abs(bar))
    of = lambda x, w: (bars * jnp.sum(w, -1), bars * jnp.sum(x, 0)[:, None])
    return {"value": size} | dict(zip((f"{k}_bar" for k in a), (*of(x, w), *of(other_x, other_w)), strict=True))


def _divergence(rule, a, bar):
    q, t = a.values()
    entropy = jnp.abs(jnp.log(jnp.where(t == 0, 1, t))) + jnp.abs(q)
    return {"value": t * entropy, "targets_bar": bar * (entropy + 1)}


def _cross_entropy(rule, a, bar):
    x, t, w = a.values()
    costs = jnp.max(x) - x + 1  # log Σ e^(x - max x) is computed, not log1p of what is beyond 1
    bars = {"logits_bar": bar * w, "labels_bar": bar * w * costs, "class_weights_bar": bar * t * costs}
    return {"value": w * t * costs} | bars


def _ctc(rule, a, bar):
    """A sum of a logarithm a frame; the shares of ways into a state are of exponentials of such sums."""
    x = a["logits"]
    ways = jnp.sum(jnp.max(x, -1) - jnp.min(x, -1) + 1)
    return {"value": jnp.array(float(x.shape[1])), "logits_bar": jnp.abs(bar) * ways}


def _yes_or_no(rule, a, bar):
    x, t, p = a.values()
    yes, no = jax.nn.softplus(-x), jax.nn.softplus(x)
    return {
        "logits_bar": bar * ((1 - t) * jax.nn.sigmoid(x) + p * t * jax.nn.sigmoid(-x) + LEAST),
        "labels_bar": bar * (p * yes + no),
    }


def _focal(rule, a, bar):
    x, t = a.values()
    yes, no = jax.nn.sigmoid(x), jax.nn.sigmoid(-x)
    q, cost = t * no + (1 - t) * yes, t * jax.nn.softplus(-x) + (1 - t) * jax.nn.softplus(x)
    return {
        "logits_bar": bar * (q * (q * (yes + no) + 2 * yes * no * cost) + LEAST),
        "labels_bar": bar * (q * (q * jnp.abs(x) + 2 * cost) + LEAST),
    }


def _poisson(rule, a, bar):
    x, t = a.values()
    return {"value": jnp.exp(x) + jnp.abs(t * x), "prediction_bar": bar * (jnp.exp(x) + t + LEAST)}


def _gaussian(rule, a, bar):
    m, t, v = a.values()
    v = jnp.maximum(v, 1e-6)
    square = (m - t) ** 2 / v
    return {"value": jnp.abs(jnp.log(v)) + square, "variance_bar": bar * (1 + square) / v, RANGE: 1 / v}


def _margins(a):
    """h of the multiclass hinge, and the sizes that it is a difference of."""
    s, own = a["scores"], a["scores"][a["labels"]]
    return jnp.where(jnp.arange(N, dtype=a["labels"].dtype) == a["labels"], -1, s - own + 1), jnp.abs(s) + jnp.abs(
        own
    ) + 1


def _near(margin):
    """Whether a margin is met within rounding."""

    def undecided(a):
        h, size = margin(a)
        return jnp.any(jnp.abs(h) <= 2.0**-20 * size)

    return undecided


def _triplet(a):
    u, v = (jnp.linalg.norm(a["anchor"] - a[other] + 1e-6) for other in ("positive", "negative"))
    return u - v + 1, u + v + 1


def _sparsemax(a):
    z = -jnp.sort(jnp.max(a["x"]) - a["x"])
    rank = jnp.arange(1.0, N + 1)
    return 1 + rank * z - jnp.cumsum(z), 1 + rank * jnp.abs(z) + jnp.cumsum(jnp.abs(z))


_PAIR = {"x": (), "gate": ()}
_ERROR = {"prediction": (), "target": ()}
_NORM = {"scale": (4,), "shift": (4,)}

CASES: dict[str, Case] = {
    "glu": Case(_PAIR, terms=_gated),
    "reglu": Case(_PAIR),
    "geglu": Case(_PAIR, terms=_gated),
    "swiglu": Case(_PAIR, terms=_gated),
    "prelu": Case({"x": (3, 2), "a": (2,)}),
    "snake": Case({"x": (), "alpha": ()}, terms=_snake, sizes=(0.0, 2.0**40)),
    "softmax": Case({"x": _ROW}, terms=lambda rule, a, bar: {"x_bar": bar}),
    "log_softmax": Case({"x": _ROW}, terms=_log_softmax),
    "logsumexp": Case({"x": _ROW}, terms=lambda rule, a, bar: {"value": jnp.abs(jnp.max(a["x"])) + log(N)}),
    "sparsemax": Case({"x": _ROW}, undecided=_near(_sparsemax)),
    "bilinear": Case(
        {"x": (3, 4), "z": (3, 2), "w": (4, 2, 3), "b": (3,)}, terms=_products(), sizes=(2.0**-40, 2.0**40)
    ),
    "linear": Case({"x": (3, 5), "w": (5, 2), "b": (2,)}, terms=_products()),
    "lora_linear": Case(
        {"x": (2, 3), "w": (3, 2), "a": (3, 2), "b": (2, 2)}, terms=_products(), sizes=(2.0**-40, 2.0**40)
    ),
    "rope": Case({"x": (1, 2, 1, 4), "positions": Classes((2,), 2**20)}),
    "mlp": Case({"x": (2, 3), "w_in": (3, 4), "w_out": (4, 2), "b_in": (4,), "b_out": (2,)}, terms=_mlp, sizes=_FEW),
    "gated_mlp": Case({"x": (2, 3), "w_gate": (3, 4), "w_up": (3, 4), "w_down": (4, 2)}, terms=_gated_mlp, sizes=_FEW),
    "scale_shift": Case({"x": (3, 2), "scale": (2,), "shift": (2,)}, terms=_products()),
    "dot_product_attention": Case(
        {"query": (2, 1, 2), "key": (3, 1, 2), "value": (3, 1, 2)}, terms=_attention, sizes=(2.0**-20, 2.0**20)
    ),
    "cosine_distance": Case({"prediction": _ROW, "target": _ROW}, terms=_cosine, sizes=_MANY),
    "hinge": Case(
        {"prediction": (), "target": Signs(())},
        terms=lambda rule, a, bar: {"value": 1 + jnp.abs(a["prediction"])},
        undecided=_near(lambda a: (1 - a["prediction"] * a["target"], 1.0)),
    ),
    "multiclass_hinge": Case(
        {"scores": _ROW, "labels": Classes((), N)},
        terms=lambda rule, a, bar: {"value": _margins(a)[1]},
        undecided=_near(_margins),
    ),
    "einsum": Case(
        {"x": (2, 3), "w": (3, 2, 2)},
        {"equation": "...d,dhk->...hk"},
        terms=_products(partial(jnp.einsum, "...d,dhk->...hk")),
    ),
    "info_nce": Case({"query": (4, 3), "key": (4, 3)}, {"temperature": 1.0}, terms=_info_nce, sizes=(0.0, 2.0**50)),
    "linear_js_divergence": Case(
        {"x": (2, 3), "w": (3, 4), "teacher_x": (2, 2), "teacher_w": (2, 4)},
        terms=_between_heads,
        sizes=(0.0, 2.0**50),
    ),
    "linear_log_prob": Case(
        {"x": (2, 3), "w": (3, 5), "labels": Classes((2,), 5), "b": (5,)},
        {"chunk": 2},
        terms=_log_prob,
        sizes=(0.0, 2.0**50),
    ),
    "ctc": Case({"logits": (1, 4, 3), "labels": Classes((1, 2), 2)}, {"blank": 2}, terms=_ctc, sizes=(0.0, 2.0**50)),
    "linear_recurrence": Case(
        {"a": (1, 3, 2), "x": (1, 3, 2), "h": (1, 2)}, terms=_recurrence, sizes=(2.0**-20, 2.0**20)
    ),
    "rnn": Case(
        {"x": (1, 2, 2), "h": (1, 2), "w_x": (2, 2), "w_h": (2, 2), "b": (2,)},
        terms=_recurrent,
        sizes=(2.0**-6, 2.0**3),
    ),
    "gru": Case(
        {"x": (1, 2, 2), "h": (1, 2), "w_x": (2, 6), "w_h": (2, 6), "b_x": (6,), "b_h": (6,)},
        terms=_recurrent,
        sizes=(2.0**-6, 2.0**3),
    ),
    "lstm": Case(
        {"x": (1, 2, 2), "h": (1, 2), "c": (1, 2), "w_x": (2, 8), "w_h": (2, 8), "b": (8,)},
        terms=_recurrent,
        sizes=(2.0**-6, 2.0**3),
    ),
    "kl_divergence": Case({"log_predictions": _ROW, "targets": Simplex(_ROW)}, terms=_divergence),
    "poisson_nll": Case({"prediction": (), "target": _POSITIVE}, terms=_poisson),
    "gaussian_nll": Case({"mean": (), "target": (), "variance": _POSITIVE}, terms=_gaussian, sizes=_MANY),
    "squared_error": Case(_ERROR, sizes=_MANY),
    "absolute_error": Case(_ERROR, sizes=_MANY),
    "huber": Case(_ERROR, sizes=_MANY),
    "log_cosh": Case(_ERROR, sizes=_MANY),
    "sigmoid_cross_entropy": Case(
        {"logits": (), "labels": Uniform(()), "pos_weight": Uniform((), 0.0, 16.0)},
        terms=_yes_or_no,
        sizes=(0.0, 2.0**100),
    ),
    "focal": Case({"logits": (), "labels": Uniform(())}, terms=_focal, sizes=(0.0, 2.0**100)),
    "softmax_cross_entropy": Case(
        {"logits": _ROW, "labels": Simplex(_ROW), "class_weights": Uniform(_ROW)},
        terms=_cross_entropy,
        sizes=(0.0, 2.0**100),
    ),
    "triplet": Case(
        {"anchor": _ROW, "positive": _ROW, "negative": _ROW},
        terms=lambda rule, a, bar: {"value": _triplet(a)[1], "anchor_bar": bar},
        undecided=_near(_triplet),
        sizes=_MANY,
    ),
    "layer_norm": Case({"x": (3, 4), **_NORM}, terms=_scaled(-1), sizes=_MANY),
    "rms_norm": Case({"x": (3, 4), "scale": (4,)}, terms=_scaled(-1, centred=False), sizes=(2.0**-59, 2.0**59)),
    "batch_norm": Case({"x": (5, 4), **_NORM}, terms=_scaled(0), sizes=_MANY),
    "batch_norm_inference": Case(
        {"x": (3, 4), "mean": (4,), "variance": Uniform((4,), 0.0, inf), **_NORM},
        terms=_inference,
        sizes=(2.0**-40, 2.0**40),
    ),
    "group_norm": Case(
        {"x": (2, 3, 4), **_NORM},
        {"groups": 2},
        terms=_scaled((1, 3), lambda v: v.reshape(2, 3, 2, 2)),
        sizes=_MANY,
    ),
    "instance_norm": Case({"x": (2, 5, 4), **_NORM}, terms=_scaled(1), sizes=_MANY),
    "l2_normalize": Case({"x": _ROW}, terms=_unit, sizes=_MANY),
    "weight_norm": Case({"v": (5, 2), "g": (2,)}, terms=_weight, sizes=_MANY),
    "spectral_norm": Case({"w": (4, 3), "u": (3,)}, {"iterations": 0}, terms=_spectral, sizes=_MANY),
    "safe_divide": Case({"numerator": (), "denominator": ()}, terms=_quotient),
    "safe_norm": Case({"x": _ROW}, terms=lambda rule, a, bar: {RANGE: 4 / jnp.linalg.norm(a["x"])}, sizes=_MANY),
}
