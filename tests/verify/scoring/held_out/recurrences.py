"""Wrong rules of recurrences, filters, alignments and steps in time."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, double, normal, rule, uniform, wrong
from tests.helpers.witness import differs

cases: list[Case] = []


@wrong(cases, "the gate's cotangent from the state after the step, not before it", "S2", differs())
def minimal_gru_gate_by_new_state():
    def f(gate, new):
        def step(h, at):
            h = (1 - jax.lax.logistic(at[0])) * h + jax.lax.logistic(at[0]) * at[1]
            return h, h

        return jax.lax.scan(step, jnp.zeros_like(gate[0]), (gate, new))[1]

    def fwd(gate, new):
        states = f(gate, new)
        return states, (gate, new, states)

    def bwd(kept, bars):
        def step(later, at):
            gate, new, state, bar = at
            z, later = jax.lax.logistic(gate), later + bar
            return later * (1 - z), (later * (new - state) * z * (1 - z), later * z)

        return jax.lax.scan(step, jnp.zeros_like(bars[0]), (*kept, bars), reverse=True)[1]

    return rule(f, fwd, bwd), (normal(6, 3), normal(6, 3, seed=1))


@wrong(cases, "the gain held constant: nothing reaches the two noises", "S2", differs())
def kalman_gain_held():
    """A local level: filtered means from observations and the logarithms of two noises."""

    def filtered(log_drift, log_noise, seen, hold):
        def step(state, y):
            mean, variance = state
            variance = variance + jnp.exp(log_drift)
            gain = hold(variance / (variance + jnp.exp(log_noise)))
            mean = mean + gain * (y - mean)
            return (mean, (1 - gain) * variance), mean

        return jax.lax.scan(step, (jnp.zeros_like(seen[0]), jnp.ones_like(seen[0])), seen)[1]

    def f(*args):
        return filtered(*args, lambda gain: gain)

    def bwd(args, bars):
        return jax.vjp(lambda *args: filtered(*args, jax.lax.stop_gradient), *args)[1](bars)

    return rule(f, lambda *args: (f(*args), args), bwd), (jnp.float32(-1.0), jnp.float32(0.0), normal(8))


@wrong(cases, "the posterior itself, not divided by the initial probability", "S2", differs())
def hidden_markov_initial_undivided():
    """The log-likelihood of initial, transition and observation weights by scaled forward messages."""

    def forward(initial, moves, seen):
        def step(before, weight):
            ahead = before @ moves
            total = jnp.sum(ahead * weight)
            return ahead * weight / total, (before, ahead, total)

        total = jnp.sum(initial * seen[0])
        first = initial * seen[0] / total
        _, (before, ahead, totals) = jax.lax.scan(step, first, seen[1:])
        return jnp.log(total) + jnp.sum(jnp.log(totals)), (total, before, ahead, totals)

    def fwd(*args):
        value, messages = forward(*args)
        return value, (args, messages)

    def bwd(kept, bar):
        (initial, moves, seen), (total, before, ahead, totals) = kept

        def step(behind, at):
            before, ahead, total, weight = at
            behind = behind / total
            return moves @ (behind * weight), (jnp.outer(before, behind * weight), ahead * behind)

        start = jnp.ones_like(initial)
        behind, (pairs, seen_bar) = jax.lax.scan(step, start, (before, ahead, totals, seen[1:]), reverse=True)
        seen_bar = jnp.concatenate([(initial * behind / total)[None], seen_bar])
        return bar * initial * seen[0] * behind / total, bar * jnp.sum(pairs, axis=0), bar * seen_bar

    args = uniform(3, low=0.2), uniform(3, 3, low=0.1, seed=1), uniform(6, 3, low=0.1, seed=2)
    return rule(lambda *args: forward(*args)[0], fwd, bwd), args


@wrong(
    cases,
    "the steps' shares ignore the temperature, one by default",
    "S3",
    differs(lambda c, g: (double(4, 5), jnp.float64(0.3))),
)
def soft_time_warping_at_unit_gamma():
    """Soft dynamic time warping of a table of costs."""

    def table(cost, gamma):
        r = {}
        for i in range(cost.shape[0]):
            for j in range(cost.shape[1]):
                before = [r[p] for p in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if p in r]
                soft = -gamma * jax.nn.logsumexp(-jnp.stack(before) / gamma) if before else 0.0
                r[i, j] = cost[i, j] + soft
        return r

    def f(cost, gamma):
        return table(cost, gamma)[cost.shape[0] - 1, cost.shape[1] - 1]

    def bwd(args, bar):
        cost, gamma = args
        (n, m), r, e = cost.shape, table(*args), {}
        for i in reversed(range(n)):
            for j in reversed(range(m)):
                after = [p for p in ((i + 1, j), (i, j + 1), (i + 1, j + 1)) if p in e]
                e[i, j] = sum(e[p] * jnp.exp(r[p] - cost[p] - r[i, j]) for p in after) if after else bar
        cost_bar = jnp.stack([jnp.stack([e[i, j] for j in range(m)]) for i in range(n)])
        return cost_bar, bar * jax.jvp(lambda g: f(cost, g), (gamma,), (jnp.ones_like(gamma),))[1]

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 5) ** 2, jnp.float32(1.0))


@wrong(cases, "backwards the four stages count alike", "S2", differs())
def runge_kutta_stages_alike_when_backward():
    """Four steps of ẏ = tanh(W y)."""

    def solve(w, y, weights):
        for _ in range(4):
            k = [jnp.tanh(w @ y)]
            for length in (0.4, 0.4, 0.8):
                k.append(jnp.tanh(w @ (y + length * k[-1])))
            y = y + 0.8 * sum(c * slope for c, slope in zip(weights, k, strict=True))
        return y

    def f(w, y):
        return solve(w, y, (1 / 6, 1 / 3, 1 / 3, 1 / 6))

    def bwd(args, bar):
        return jax.vjp(lambda *args: solve(*args, (0.25, 0.25, 0.25, 0.25)), *args)[1](bar)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(3, 3), normal(3, seed=1))


@wrong(
    cases,
    "states recovered by stepping back: errors grow with the length",
    "S10",
    differs(lambda x, a: (double(300), jnp.float64(a))),
)
def leaky_sum_stepped_back():
    """The sum of all states of h ← a h + x; only the last state is kept."""

    def last_and_sum(x, a):
        def step(carry, x_t):
            h = a * carry[0] + x_t
            return (h, carry[1] + h), None

        return jax.lax.scan(step, (jnp.zeros_like(x[0]), jnp.zeros_like(x[0])), x)[0]

    def fwd(x, a):
        last, total = last_and_sum(x, a)
        return total, (x, a, last)

    def bwd(kept, bar):
        x, a, last = kept

        def step(carry, x_t):
            h, later, a_bar = carry
            before, later = (h - x_t) / a, bar + a * later
            return (before, later, a_bar + later * before), later

        none = jnp.zeros_like(bar)
        (_, _, a_bar), x_bar = jax.lax.scan(step, (last, none, none), x, reverse=True)
        return x_bar, a_bar

    return rule(lambda *args: last_and_sum(*args)[1], fwd, bwd), (normal(8), jnp.float32(0.8))
