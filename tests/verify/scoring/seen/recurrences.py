"""Wrong rules of cells, scans and steps in time."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, ones, rule, wide, wrong, zeros
from tests.helpers.witness import differs, gap, pullback

cases: list[Case] = []


def rnn(x, h0, w):
    """States [time, features] and the last of them."""

    def step(h, x_t):
        h = jnp.tanh(x_t + h @ w)
        return h, h

    last, states = jax.lax.scan(step, h0, x)
    return states, last


def rnn_rule(last_weight, h0_weight):
    """Back-propagation through time; the weights spoil two of its terms when they are 0."""

    def fwd(x, h0, w):
        states, last = rnn(x, h0, w)
        return (states, last), (states, h0, w)

    def bwd(residuals, bars):
        (states, h0, w), (states_bar, last_bar) = residuals, bars

        def step(h_bar, at):
            h, bar = at
            u_bar = (h_bar + bar) * (1 - h * h)
            return u_bar @ w.T, u_bar

        h0_bar, x_bar = jax.lax.scan(step, last_bar * last_weight, (states, states_bar), reverse=True)
        before = jnp.concatenate([h0[None], states[:-1]])
        return x_bar, h0_bar * h0_weight, before.T @ x_bar

    return rule(rnn, fwd, bwd)


@wrong(cases, "cotangent of the final carry ignored", "S2", differs())
def rnn_ignores_final_carry():
    return rnn_rule(0.0, 1.0), (normal(5, 3), zeros(3), normal(3, 3, seed=1))


@wrong(cases, "no gradient to the initial carry", "S2", differs())
def rnn_initial_carry_constant():
    return rnn_rule(1.0, 0.0), (normal(5, 3), zeros(3), normal(3, 3, seed=1))


@wrong(cases, "a bias inside the reset gate, zero by default", "S3", differs(lambda *args: (*args[:-1], args[-1] + 1)))
def gru_forgets_hidden_bias():
    def parts(x, h, w_x, w_h, bias):
        x_z, x_r, x_n = jnp.split(x @ w_x, 3, axis=-1)
        h_z, h_r, h_n = jnp.split(h @ w_h, 3, axis=-1)
        z, r = jax.lax.logistic(x_z + h_z), jax.lax.logistic(x_r + h_r)
        return z, r, h_n, jnp.tanh(x_n + r * (h_n + bias[None, :]))

    def f(x, h, w_x, w_h, bias):
        z, _, _, n = parts(x, h, w_x, w_h, bias)
        return (1 - z) * n + z * h

    def bwd(residuals, y_bar):
        x, h, w_x, w_h, _ = residuals
        z, r, h_n, n = parts(*residuals)
        u_bar = y_bar * (1 - z) * (1 - n * n)
        z_bar = y_bar * (h - n) * z * (1 - z)
        r_bar = u_bar * h_n * r * (1 - r)
        of_x = jnp.concatenate([z_bar, r_bar, u_bar], axis=-1)
        of_h = jnp.concatenate([z_bar, r_bar, u_bar * r], axis=-1)
        return of_x @ w_x.T, y_bar * z + of_h @ w_h.T, x.T @ of_x, h.T @ of_h, jnp.sum(u_bar * r, axis=0)

    return rule(f, lambda *args: (f(*args), args), bwd), (
        normal(4, 3),
        normal(4, 5, seed=1),
        0.5 * normal(3, 15, seed=2),
        0.5 * normal(5, 15, seed=3),
        zeros(5),
    )


@wrong(cases, "cotangents of the input and the forget gate in each other's place", "S2", differs())
def lstm_gates_in_other_order():
    def gates(x, h, w):
        i, f, g, o = jnp.split(jnp.concatenate([x, h], axis=-1) @ w, 4, axis=-1)
        return jax.lax.logistic(i), jax.lax.logistic(f + 1), jnp.tanh(g), jax.lax.logistic(o)

    def cell(x, h, c, w):
        i, f, g, o = gates(x, h, w)
        c = f * c + i * g
        return o * jnp.tanh(c), c

    def bwd(residuals, bars):
        (x, h, c, w), (h_bar, c_bar) = residuals, bars
        i, f, g, o = gates(x, h, w)
        t = jnp.tanh(f * c + i * g)
        c_bar = c_bar + h_bar * o * (1 - t * t)
        i_bar, f_bar = c_bar * g * i * (1 - i), c_bar * c * f * (1 - f)
        g_bar, o_bar = c_bar * i * (1 - g * g), h_bar * t * o * (1 - o)
        bar = jnp.concatenate([f_bar, i_bar, g_bar, o_bar], axis=-1)
        x_bar, before_bar = jnp.split(bar @ w.T, [x.shape[-1]], axis=-1)
        return x_bar, before_bar, c_bar * f, jnp.concatenate([x, h], axis=-1).T @ bar

    return rule(cell, lambda *args: (cell(*args), args), bwd), (
        normal(4, 3),
        normal(4, 5, seed=1),
        normal(4, 5, seed=2),
        0.5 * normal(8, 20, seed=3),
    )


@wrong(cases, "a scale that is one as initialised", "S3", differs(lambda x, s, t: (x, s + 0.5, t)))
def affine_coupling_forgets_scale():
    """The second half of the features, scaled and shifted by maps of the first; the scale's map starts at zero."""

    def f(x, to_scale, to_shift):
        a, b = jnp.split(x, 2, axis=-1)
        return jnp.concatenate([a, b * jnp.exp(a @ to_scale) + a @ to_shift], axis=-1)

    def bwd(residuals, y_bar):
        x, to_scale, to_shift = residuals
        a, b = jnp.split(x, 2, axis=-1)
        a_bar, moved_bar = jnp.split(y_bar, 2, axis=-1)
        log_bar = moved_bar * b * jnp.exp(a @ to_scale)
        a_bar = a_bar + log_bar @ to_scale.T + moved_bar @ to_shift.T
        return jnp.concatenate([a_bar, moved_bar], axis=-1), a.T @ log_bar, a.T @ moved_bar

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 6), zeros(3, 3), normal(3, 3, seed=1))


@wrong(
    cases,
    "advantages flow across the end of an episode",
    "S3",
    differs(lambda r, v, done: (r, v, done.at[2].set(True))),
)
def advantage_crosses_episodes():
    """Generalised advantage estimation; no episode of the example ends."""
    discount, mixing = 0.99, 0.95

    def going(done, like):
        return 1 - done.astype(like.dtype)

    def f(rewards, values, done):
        on = going(done, rewards)
        delta = rewards + discount * on * values[1:] - values[:-1]

        def step(later, at):
            advantage = at[0] + discount * mixing * at[1] * later
            return advantage, advantage

        return jax.lax.scan(step, jnp.zeros_like(rewards[0]), (delta, on), reverse=True)[1]

    def bwd(done, y_bar):
        def step(earlier, bar):
            delta_bar = bar + discount * mixing * earlier
            return delta_bar, delta_bar

        delta_bar = jax.lax.scan(step, jnp.zeros_like(y_bar[0]), y_bar)[1]
        ahead = discount * going(done, y_bar) * delta_bar
        return delta_bar, jnp.pad(ahead, (1, 0)) - jnp.pad(delta_bar, (0, 1)), None

    return rule(f, lambda r, v, done: (f(r, v, done), done), bwd), (
        normal(6),
        normal(7, seed=1),
        jnp.zeros(6, bool),
    )


@wrong(cases, "the logarithm of the cotangent: NaN for negative ones", "S1", differs())
def cumlogsumexp_log_of_cotangent():
    def f(x):
        return jax.lax.cumlogsumexp(x)

    def bwd(residuals, y_bar):
        x, y = residuals
        return (jnp.exp(x + jax.lax.cumlogsumexp(jnp.log(y_bar) - y, reverse=True)),)

    return rule(f, lambda x: (f(x), (x, f(x))), bwd), (normal(7),)


@wrong(cases, "the second kick's stiffness taken at the old place", "S2", differs())
def leapfrog_stiffness_at_old_place():
    """One step of a pendulum: half a kick, a drift, half a kick."""

    def parts(q, p, dt):
        middle = p - 0.5 * dt * jnp.sin(q)
        return middle, q + dt * middle

    def f(q, p, dt):
        middle, after = parts(q, p, dt)
        return after, middle - 0.5 * dt * jnp.sin(after)

    def bwd(residuals, bars):
        (q, p, dt), (after_bar, p_bar) = residuals, bars
        middle, after = parts(q, p, dt)
        after_bar = after_bar - 0.5 * dt * jnp.cos(q) * p_bar
        middle_bar = p_bar + dt * after_bar
        dt_bar = jnp.sum(after_bar * middle - 0.5 * p_bar * jnp.sin(after) - 0.5 * middle_bar * jnp.sin(q))
        return after_bar - 0.5 * dt * jnp.cos(q) * middle_bar, middle_bar, dt_bar

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(5), normal(5, seed=1), jnp.float32(0.3))


@wrong(cases, "six rounds of doubling: right up to 64 steps", "S10", differs(lambda x: (normal(100),)))
def running_energy_six_doublings():
    def f(x):
        return jnp.cumsum(x * x)

    def bwd(x, y_bar):
        total = y_bar
        for shift in (1, 2, 4, 8, 16, 32):
            total = total + jnp.pad(total[shift:], (0, min(shift, len(x))))
        return (2 * x * total,)

    return rule(f, lambda x: (f(x), x), bwd), (normal(8),)


def stalls(f, _):
    """Over 2,000 steps of bf16 the rule is many times as far from the truth as autodiff is."""
    bar = ones(2000, dtype=jnp.bfloat16)
    half, full = ((ones(2000, dtype=dtype),) for dtype in (jnp.bfloat16, jnp.float64))
    true = pullback(f.__wrapped__, full, bar.astype(jnp.float64))
    return gap(pullback(f, half, bar), true) > 5 * gap(pullback(f.__wrapped__, half, bar), true)


@wrong(cases, "the reverse sum runs in bf16, which stalls", "S6", stalls)
def cumulative_mean_added_in_bf16():
    def f(x):
        total = jnp.cumsum(wide(x))
        return (total / jnp.arange(1, len(x) + 1, dtype=total.dtype)).astype(x.dtype)

    def bwd(count, y_bar):
        def step(total, at):
            total = total + at[0] / at[1]
            return total, total

        return (jax.lax.scan(step, jnp.zeros_like(y_bar[0]), (y_bar, count), reverse=True)[1],)

    return rule(f, lambda x: (f(x), jnp.arange(1, len(x) + 1).astype(x.dtype)), bwd), (normal(8, dtype=jnp.bfloat16),)
