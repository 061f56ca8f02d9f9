"""The terms that a result is a difference of, of rules of several numbers: it is in ulp of the largest that errors count.

A function of the rule, its arguments by name and the first cotangent gives terms by the results' names. Others say of the
arguments whether the point is as near to a kink as rounding goes.
"""

import jax
import jax.numpy as jnp

LEAST = 2.0**-96  # of a factor that is e^x somewhere: what flushes to 0 there
RANGE = "range"  # the term that says what a rule needs within the dtype's range, and is 0 beyond


def gated(rule, a, bar):
    """A gate's slope has a root, near which it counts as 2⁻⁷; what passes the gate counts as at least LEAST of x."""
    return {"value": LEAST * a["x"], "x_bar": LEAST * bar, "gate_bar": 2.0**-7 * a["x"] * bar}


def log_softmax(rule, a, bar):
    return {"x_bar": jnp.abs(bar) + jax.nn.softmax(a["x"]) * jnp.sum(jnp.abs(bar))}


def snake(rule, a, bar):
    x, u = a["x"], a["alpha"] * a["x"]
    return {"value": x, "x_bar": bar * (1 + jnp.abs(u)), "alpha_bar": bar * x * x}


def products(f=None):
    """Sums of products: by the function itself, the rule's own, of the sizes of all."""

    def terms(rule, a, bar):
        y, pull = jax.vjp(f or rule, *map(jnp.abs, a.values()))
        return {"value": y} | {f"{k}_bar": term for k, term in zip(a, pull(jnp.abs(bar)), strict=True)}

    return terms


def mlp(rule, a, bar):
    """A slope of 1 + |h|, of the terms that h is a sum of: rounding of h moves the activation's slope so far."""
    x, bar, first, second = jnp.abs(a["x"]), jnp.abs(bar), *(jnp.abs(a[w]) for w in ("w_in", "w_out"))
    h = x @ first + jnp.abs(a["b_in"])
    h_bar = (bar @ second.T) * (1 + h)
    bars = {"x_bar": h_bar @ first.T, "w_in_bar": x.T @ h_bar, "w_out_bar": h.T @ bar, "b_in_bar": h_bar.sum(0)}
    return {"value": h @ second + jnp.abs(a["b_out"]), RANGE: jnp.stack([h, h_bar])} | bars


def gated_mlp(rule, a, bar):
    """The same, with the gate's weight in every term."""
    x, gate, up, down = (jnp.abs(v) for v in a.values())
    g, u, bar = x @ gate, x @ up, jnp.abs(bar)
    a_bar = bar @ down.T
    g_bar, u_bar = a_bar * u * (1 + g), a_bar * g
    bars = {"w_gate_bar": x.T @ g_bar, "w_up_bar": x.T @ u_bar, "w_down_bar": (g * u).T @ bar}
    within = {RANGE: jnp.stack([g * u, g_bar, u_bar])}
    return {"value": (g * u) @ down, "x_bar": g_bar @ gate.T + u_bar @ up.T} | bars | within


def scaled(axes, rows=lambda v: v, centred=True):
    """scale z + shift, r scale y_bar and z y_bar: what is subtracted on the way is no larger."""

    def terms(rule, a, bar):
        x, scale = rows(a["x"]), a["scale"]
        x = x - jnp.mean(x, axes, keepdims=True) if centred else x
        r = jax.lax.rsqrt(jnp.mean(x * x, axes, keepdims=True) + (1e-5 if centred else 1e-6))
        z = (x * r).reshape(a["x"].shape)
        value = jnp.max(jnp.abs(scale)) * jnp.abs(z) + jnp.abs(a.get("shift", 0))
        return {"value": value, "x_bar": r * rows(scale * bar), "scale_bar": jnp.max(jnp.abs(bar)) * z}

    return terms


def inference(rule, a, bar):
    r = jax.lax.rsqrt(a["variance"] + 1e-5)
    return {"value": jnp.abs(a["scale"] * r * (a["x"] - a["mean"])) + jnp.abs(a["shift"]), RANGE: r * r}


def cosine(rule, a, bar):
    slopes = {k: 1 / jnp.maximum(jnp.linalg.norm(v), 1e-6) for k, v in a.items()}
    return {"value": jnp.ones(()), RANGE: jnp.stack(list(slopes.values()))} | {
        f"{k}_bar": bar * v for k, v in slopes.items()
    }


def unit(rule, a, bar):
    r = 1 / jnp.maximum(jnp.linalg.norm(a["x"]), 1e-12)
    return {"x_bar": bar * r, RANGE: r}


def weight(rule, a, bar):
    r = 1 / jnp.maximum(jnp.linalg.norm(a["v"], axis=0), 1e-40)
    return {"v_bar": bar * r * a["g"], RANGE: r}


def quotient(rule, a, bar):
    n, d = a.values()
    inverse = lambda v: 1 / jnp.where(v == 0, 1, v)
    return {RANGE: jnp.stack([inverse(d), 4 * inverse(n) * d])}


def spectral(rule, a, bar):
    w, u = a["w"], a["u"] / jnp.maximum(jnp.linalg.norm(a["u"]), 1e-300)
    s = jnp.maximum(jnp.linalg.norm(w @ u), 1e-12)
    lost = jnp.max(jnp.abs(w) @ jnp.abs(u)) / s
    return {
        "value": lost * w / s,
        "w_bar": lost * (jnp.max(jnp.abs(bar)) + jnp.sum(jnp.abs(w * bar)) / s) / s,
        RANGE: 1 / s,
    }


def info_nce(rule, a, bar):
    q, k = (jnp.abs(v) for v in a.values())
    s = q @ k.T
    bars = jnp.abs(bar)[:, None] * (1 + jnp.max(s, -1, keepdims=True))
    return {"value": s, "query_bar": bars * jnp.max(k, 0), "key_bar": bars * q}


def attention(rule, a, bar):
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


def recurrent(rule, a, bar):
    """A pre-activation's rounding is that of its terms, and moves state and slopes by as much."""
    a = {name: jnp.abs(v) for name, v in a.items()}
    state = 1 + jnp.max(jnp.stack([jnp.max(a[name]) for name in ("h", "c") if name in a]))
    biases = sum(jnp.max(v) for name, v in a.items() if name.startswith("b"))
    far = 1 + jnp.max(a["x"] @ a["w_x"]) + jnp.max(jnp.sum(state * a["w_h"], 0)) + biases
    bars = 2.0**8 * far * state  # as large as any cotangent of the results, times that
    through = {"h": far, "x": jnp.max(jnp.sum(a["w_x"], 1)), "w_x": jnp.max(a["x"]), "w_h": state}
    found = {f"{name}_bar": bars * through.get(name, 1) for name in a}
    return {"value": far * state, RANGE: far**2 * jnp.max(jnp.stack([*found.values()]))} | found


def recurrence(rule, a, bar):
    """Sums of products, with a cotangent of the last state as large as any, and y, which is kept, no subnormal number."""
    y, pull = jax.vjp(rule, *map(jnp.abs, a.values()))
    bars = pull((jnp.abs(bar), jnp.full_like(y[1], 2.0**8)))
    kept = jnp.abs(rule(*a.values())[0])
    return {"value": y[0], RANGE: 4 / jnp.where(kept == 0, 1, kept)} | {
        f"{k}_bar": term for k, term in zip(a, bars, strict=True)
    }


def log_prob(rule, a, bar):
    x, w, _, b = (jnp.abs(v) for v in a.values())
    size = 1 + jnp.max(x @ w + b)
    bars = 2.0**8 * size  # as large as any cotangent of the three numbers, times the logits' error
    return {"value": size, "x_bar": bars * jnp.sum(w, -1), "w_bar": bars * jnp.sum(x, 0), "b_bar": bars}


def between_heads(rule, a, bar):
    """A logit's rounding is that of its largest product, and moves a logarithm of a probability by as much."""
    x, w, other_x, other_w = (jnp.abs(v) for v in a.values())
    size = 1 + jnp.max(x @ w) + jnp.max(other_x @ other_w)
    bars = size * jnp.max(jnp.abs(bar))
    of = lambda x, w: (bars * jnp.sum(w, -1), bars * jnp.sum(x, 0)[:, None])
    return {"value": size} | dict(zip((f"{k}_bar" for k in a), (*of(x, w), *of(other_x, other_w)), strict=True))


def divergence(rule, a, bar):
    q, t = a.values()
    entropy = jnp.abs(jnp.log(jnp.where(t == 0, 1, t))) + jnp.abs(q)
    return {"value": t * entropy, "targets_bar": bar * (entropy + 1)}


def cross_entropy(rule, a, bar):
    x, t, w = a.values()
    costs = jnp.max(x) - x + 1  # log Σ e^(x - max x) is computed, not log1p of what is beyond 1
    bars = {"logits_bar": bar * w, "labels_bar": bar * w * costs, "class_weights_bar": bar * t * costs}
    return {"value": w * t * costs} | bars


def ctc(rule, a, bar):
    """A sum of a logarithm a frame; the shares of ways into a state are of exponentials of such sums."""
    x = a["logits"]
    ways = jnp.sum(jnp.max(x, -1) - jnp.min(x, -1) + 1)
    return {"value": jnp.array(float(x.shape[1])), "logits_bar": jnp.abs(bar) * ways}


def yes_or_no(rule, a, bar):
    x, t, p = a.values()
    yes, no = jax.nn.softplus(-x), jax.nn.softplus(x)
    return {
        "logits_bar": bar * ((1 - t) * jax.nn.sigmoid(x) + p * t * jax.nn.sigmoid(-x) + LEAST),
        "labels_bar": bar * (p * yes + no),
    }


def focal(rule, a, bar):
    x, t = a.values()
    yes, no = jax.nn.sigmoid(x), jax.nn.sigmoid(-x)
    q, cost = t * no + (1 - t) * yes, t * jax.nn.softplus(-x) + (1 - t) * jax.nn.softplus(x)
    return {
        "logits_bar": bar * (q * (q * (yes + no) + 2 * yes * no * cost) + LEAST),
        "labels_bar": bar * (q * (q * jnp.abs(x) + 2 * cost) + LEAST),
    }


def poisson(rule, a, bar):
    x, t = a.values()
    return {"value": jnp.exp(x) + jnp.abs(t * x), "prediction_bar": bar * (jnp.exp(x) + t + LEAST)}


def gaussian(rule, a, bar):
    m, t, v = a.values()
    v = jnp.maximum(v, 1e-6)
    square = (m - t) ** 2 / v
    return {"value": jnp.abs(jnp.log(v)) + square, "variance_bar": bar * (1 + square) / v, RANGE: 1 / v}


def margins(a):
    """h of the multiclass hinge, and the sizes that it is a difference of."""
    s, own = a["scores"], a["scores"][a["labels"]]
    labelled = jnp.arange(s.size, dtype=a["labels"].dtype) == a["labels"]
    return jnp.where(labelled, -1, s - own + 1), jnp.abs(s) + jnp.abs(own) + 1


def near(margin):
    """Whether a margin is met within rounding."""

    def undecided(a):
        h, size = margin(a)
        return jnp.any(jnp.abs(h) <= 2.0**-20 * size)

    return undecided


def triplet(a):
    u, v = (jnp.linalg.norm(a["anchor"] - a[other] + 1e-6) for other in ("positive", "negative"))
    return u - v + 1, u + v + 1


def sparsemax(a):
    z = -jnp.sort(jnp.max(a["x"]) - a["x"])
    rank = jnp.arange(1.0, a["x"].size + 1)
    return 1 + rank * z - jnp.cumsum(z), 1 + rank * jnp.abs(z) + jnp.cumsum(jnp.abs(z))
