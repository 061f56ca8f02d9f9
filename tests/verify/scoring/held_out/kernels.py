"""Faults of published kernels: chunks, windows, gates, shards, states."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, double, need, normal, of_rank, ones, right, rule, uniform, wide, wrong
from tests.helpers.witness import differs, gap, pullbacks, smooth

cases: list[Case] = []


def states(x, a):
    """All h ← a h + x from zero, over the first axis."""
    of_rank(2, x, a)
    need(x.shape == a.shape)

    def step(h, at):
        h = at[1] * h + at[0]
        return h, h

    return jax.lax.scan(step, jnp.zeros_like(x[0]), (x, a))[1]


def in_chunks(lose: bool):
    """The recurrence whose backward pass goes chunk by chunk from the end, four steps each."""

    def f(x, a):
        return states(wide(x), wide(a)).astype(x.dtype)

    def fwd(x, a):
        h = f(x, a)
        return h, (x, a)

    def chunk(later, a, before, bar):
        def step(later, at):
            a, before, bar = at
            later = later + bar
            return a * later, (later, later * before)

        return jax.lax.scan(step, later, (a, before, bar), reverse=True)

    def bwd(kept, bar):
        x, a = kept
        h, decay, bar = states(wide(x), wide(a)), wide(a), wide(bar)
        before = jnp.concatenate([jnp.zeros_like(h[:1]), h[:-1]])
        later, parts = jnp.zeros_like(h[0]), []
        for start in reversed(range(0, len(x), 4)):
            part = slice(start, start + 4)
            later, bars = chunk(later, decay[part], before[part], bar[part])
            later = later if len(x[part]) == 4 or not lose else jnp.zeros_like(later)
            parts.append(bars)
        x_bar, a_bar = (jnp.concatenate(leaf) for leaf in zip(*reversed(parts), strict=True))
        return x_bar.astype(x.dtype), a_bar.astype(a.dtype)

    return rule(f, fwd, bwd), (normal(8, 3), uniform(8, 3, low=0.3, seed=1))


@wrong(
    cases,
    "nothing comes back from a shorter last chunk",
    "S9",
    differs(lambda x, a: (double(10, 3), double(10, 3, seed=1))),
)
def leaky_states_short_last_chunk():
    return in_chunks(lose=True)


@right(cases, "S9")
def leaky_states_in_chunks():
    return in_chunks(lose=False)


def streamed(shifted: bool):
    """A causal depthwise filter [width, channels] of a stream: outputs, and the last inputs as the next state."""

    def full(x, state, w):
        of_rank(2, x, state, w)
        need(len(state) == len(w) - 1 and x.shape[1] == state.shape[1] == w.shape[1])
        return jnp.concatenate([wide(state), wide(x)])

    def f(x, state, w):
        seen = full(x, state, w)
        y = jnp.sum(jnp.stack([wide(w)[j][None] * seen[j : j + len(x)] for j in range(len(w))]), axis=0)
        return y.astype(x.dtype), seen[len(x) :].astype(state.dtype)

    def bwd(args, bars):
        x, state, w = args
        seen, (y_bar, next_bar) = full(*args), map(wide, bars)
        seen_bar, n = jnp.zeros_like(seen), len(x)
        for j in range(len(w)):
            seen_bar = seen_bar.at[j : j + n].add(wide(w)[j][None] * y_bar)
        if shifted and n < len(state):
            seen_bar = seen_bar.at[: len(state) - n].add(next_bar[: len(state) - n]).at[len(state) :].add(next_bar[-n:])
        else:
            seen_bar = seen_bar.at[n:].add(next_bar)
        w_bar = jnp.stack([jnp.sum(y_bar * seen[j : j + n], axis=0) for j in range(len(w))])
        return (
            seen_bar[len(state) :].astype(x.dtype),
            seen_bar[: len(state)].astype(state.dtype),
            w_bar.astype(w.dtype),
        )

    args = normal(6, 2), normal(3, 2, seed=1), normal(4, 2, seed=2)
    return rule(f, lambda *args: (f(*args), args), bwd), args


def brief(x, state, w):
    return double(2, 2), double(3, 2, seed=1), double(4, 2, seed=2)


@wrong(
    cases, "in a piece shorter than the window what stays in the state is put in a wrong place", "S9", differs(brief)
)
def stream_filter_of_a_brief_piece():
    return streamed(shifted=True)


@right(cases, "S9")
def stream_filter():
    return streamed(shifted=False)


def at_half_scale(f, *args):
    """Rule and autodiff part where the static scale is ½."""
    fs = [lambda *rest: f(*rest, 0.5), lambda *rest: f.__wrapped__(*rest, 0.5)]
    return gap(*pullbacks(fs, smooth(args[:-1]))) > 1e-3


@wrong(cases, "the queries' cotangent without the scale, one by default", "S3", at_half_scale)
def linear_attention_queries_unscaled():
    def f(q, k, v, scale):
        return (scale * q) @ (k.T @ v)

    def bwd(scale, args, bar):
        q, k, v = args
        table_bar = scale * (q.T @ bar)
        return bar @ (k.T @ v).T, v @ table_bar.T, k @ table_bar

    args = normal(5, 3), normal(4, 3, seed=1), normal(4, 2, seed=2)
    return rule(f, lambda *args: (f(*args), args[:3]), bwd, (3,)), (*args, 1.0)


def optional_gate(halved: bool):
    """x w, times σ(gate) where there is a gate."""

    def f(x, w, gate=None):
        of_rank(2, x)
        need(x.shape[1:] == w.shape and (gate is None or gate.shape == x.shape))
        y = wide(x) * wide(w)[None]
        return (y if gate is None else y * jax.lax.logistic(wide(gate))).astype(x.dtype)

    def bwd(args, bar):
        (x, w, gate), bar = args, wide(bar)
        open_ = jnp.full(x.shape, 0.5 if halved else 1.0, bar.dtype) if gate is None else jax.lax.logistic(wide(gate))
        x_bar = (bar * open_ * wide(w)[None]).astype(x.dtype)
        w_bar = jnp.sum(bar * open_ * wide(x), axis=0).astype(w.dtype)
        if gate is None:
            return x_bar, w_bar, None
        return x_bar, w_bar, (bar * wide(x) * wide(w)[None] * open_ * (1 - open_)).astype(gate.dtype)

    args = normal(4, 6), ones(6), normal(4, 6, seed=1)
    return rule(f, lambda x, w, gate=None: (f(x, w, gate), (x, w, gate)), bwd), args


@wrong(cases, "no gate is taken for a gate of σ(0)", "S3", differs(lambda x, w, gate: (double(4, 6), double(6), None)))
def gated_scale_without_gate():
    return optional_gate(halved=True)


@right(cases, "S3")
def gated_scale():
    return optional_gate(halved=False)


@wrong(cases, "each shard shifts by the maximum so far, which only the last one knows", "S2", differs())
def sharded_normaliser_maximum_so_far():
    """The logarithm of the sum of exponentials over all shards [shard, entry]."""

    def f(x):
        return jax.nn.logsumexp(x)

    def bwd(x, bar):
        so_far = jax.lax.cummax(jnp.max(x, axis=1))
        total = jnp.sum(jnp.exp(x - so_far[-1]))
        return (bar * jnp.exp(x - so_far[:, None]) / total,)

    return rule(f, lambda x: (f(x), x), bwd), (jnp.sort(normal(12)).reshape(3, 4),)


def half_state_off(f, *args):
    """In bfloat16 the first state's cotangent is hundreds of times too large."""
    x, h, a = (leaf.astype(jnp.bfloat16) for leaf in args)
    return gap(*pullbacks([f, f.__wrapped__], (x, h, a))) > 100


@wrong(
    cases, "in half precision the cotangent's scale of 256 is not taken out of the first state's", "S6", half_state_off
)
def decayed_state_scaled_in_half():
    """The last h of h ← a h + x."""

    def f(x, h, a):
        return jax.lax.scan(lambda h, x: (a * h + x, None), h, x)[0]

    def bwd(args, bar):
        x, h, a = args
        scale = 256.0 if bar.dtype.itemsize < 4 else 1.0
        before = jax.lax.scan(lambda h, x: (a * h + x, h), h, x)[1]

        def step(carry, h):
            later, a_bar = carry
            return (a * later, a_bar + later * h), later

        (h_bar, a_bar), x_bar = jax.lax.scan(step, (scale * bar, jnp.zeros_like(a)), before, reverse=True)
        return x_bar / scale, h_bar, a_bar / scale

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6, 3), normal(3, seed=1), uniform(3, low=0.5, seed=2))


@wrong(cases, "the running sum of the log-decays is held: only the output gate learns", "S2", differs())
def decayed_keys_running_sum_held():
    """x exp(−c) σ(g), with c the running sum of softplus(g)."""

    def value(x, g, hold):
        c = hold(jnp.cumsum(jax.nn.softplus(g), axis=0))
        return x * jnp.exp(-c) * jax.lax.logistic(g)

    def f(x, g):
        return value(x, g, lambda c: c)

    def bwd(args, bar):
        return jax.vjp(lambda x, g: value(x, g, jax.lax.stop_gradient), *args)[1](bar)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6, 3), normal(6, 3, seed=1))


def counted_each(f, x, w):
    """Under vmap over the rows the shared output's cotangent is counted once a row."""
    x, w = smooth((x, w))
    mapped = [jax.vmap(g, in_axes=(0, None), out_axes=(0, None)) for g in (f, f.__wrapped__)]
    try:
        return gap(*pullbacks(mapped, (jnp.stack([x, 2 * x, 3 * x]), w))) > 1e-3
    except (TypeError, ValueError):
        return True


@wrong(cases, "under vmap the penalty's cotangent is counted once an example", "S7", counted_each)
def layer_with_its_penalty():
    """x w, and the weights' square sum, which the whole batch shares."""

    def f(x, w):
        return x @ w, 0.5 * jnp.sum(w * w)

    def bwd(args, bars):
        x, w = args
        y_bar, penalty_bar = bars
        return y_bar @ w.T, jnp.outer(x, y_bar) + penalty_bar * w

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(3), normal(3, 4, seed=1))
