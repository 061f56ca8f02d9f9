"""Wrong rules of recurrences and of iterations."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, wrong, zeros
from tests.helpers.witness import differs

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


def decay(x, a):
    """h_t = a h_{t-1} + x_t from h = 0."""

    def step(h, x_t):
        h = a * h + x_t
        return h, h

    return jax.lax.scan(step, jnp.zeros_like(a), x)[1]


@wrong(cases, "truncated after 16 steps", "S9", differs(lambda x, a: (normal(40), a)))
def decay_truncated():
    def bwd(residuals, y_bar):
        h, a = residuals
        x_bar, power = jnp.zeros_like(y_bar), jnp.ones_like(a)
        for lag in range(min(16, len(h))):
            x_bar, power = x_bar.at[: len(h) - lag].add(power * y_bar[lag:]), power * a
        return x_bar, jnp.sum(x_bar[1:] * h[:-1])

    return rule(decay, lambda x, a: (decay(x, a), (decay(x, a), a)), bwd), (normal(8), jnp.float32(0.9))
