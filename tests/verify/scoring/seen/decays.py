"""Wrong rules of decaying sums: discounts, lengths, linear recurrences."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, wrong
from tests.helpers.witness import differs

cases: list[Case] = []


@wrong(cases, "steps beyond a sequence's length still get a gradient", "S2", differs())
def recurrence_ignores_lengths():
    """[time, batch]; a finished sequence keeps its state."""

    def f(x, mask):
        def step(h, at):
            x_t, on = at
            return jnp.where(on, jnp.tanh(0.5 * h + x_t), h), h

        return jax.lax.scan(step, jnp.zeros_like(x[0]), (x, mask))

    def fwd(x, mask):
        last, before = f(x, mask)
        return (last, before), (x, mask, before)

    def bwd(residuals, bars):
        (x, _, before), (last_bar, before_bar) = residuals, bars

        def step(h_bar, at):
            x_t, h, bar = at
            u_bar = h_bar * (1 - jnp.tanh(0.5 * h + x_t) ** 2)
            return 0.5 * u_bar + bar, u_bar

        return jax.lax.scan(step, last_bar, (x, before, before_bar), reverse=True)[1], None

    mask = jnp.asarray([[True, True], [True, True], [True, False], [True, False]])
    return rule(f, fwd, bwd), (normal(4, 2), mask)


@wrong(cases, "a discount that is one by default is left out", "S3", differs())
def returns_undiscounted():
    """R_t = r_t + discount · R_{t+1}."""

    def scanned(x, discount, reverse):
        def step(total, x_t):
            total = x_t + discount * total
            return total, total

        return jax.lax.scan(step, jnp.zeros_like(x[0]), x, reverse=reverse)[1]

    def bwd(residuals, y_bar):
        returns, discount = residuals
        right = scanned(y_bar, discount, False)
        return jnp.cumsum(y_bar), jnp.sum(right[:-1] * returns[1:])

    def fwd(rewards, discount):
        returns = scanned(rewards, discount, True)
        return returns, (returns, discount)

    return rule(lambda r, d: scanned(r, d, True), fwd, bwd), (normal(6), jnp.float32(1.0))


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


def adjoint(a, y_bar):
    def step(h_bar, bar):
        h_bar = a * h_bar + bar
        return h_bar, h_bar

    return jax.lax.scan(step, jnp.zeros_like(a), y_bar, reverse=True)[1]


@wrong(cases, "shifted by one step", "S2", differs())
def decay_shifted():
    def bwd(residuals, y_bar):
        h, a = residuals
        x_bar = adjoint(a, y_bar)
        return x_bar, jnp.sum(x_bar * h)

    return rule(decay, lambda x, a: (decay(x, a), (decay(x, a), a)), bwd), (normal(8), jnp.float32(0.9))


@wrong(cases, "divides by vanishing powers: NaN for long sequences", "S10", differs(lambda x, a: (normal(3000), a)))
def decay_by_powers():
    def bwd(residuals, y_bar):
        h, a = residuals
        powers = a ** jnp.arange(len(h), dtype=h.dtype)
        x_bar = jnp.cumsum((y_bar * powers)[::-1])[::-1] / powers
        return x_bar, jnp.sum(x_bar[1:] * h[:-1])

    return rule(decay, lambda x, a: (decay(x, a), (decay(x, a), a)), bwd), (normal(8), jnp.float32(0.9))
