"""Sums of gates and states that decay: severed from their gates, or rounded to half precision; and right ones."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, like, need, normal, of_rank, right, rule, uniform, wide, wrong
from tests.helpers.witness import differs, gap, pullback

cases: list[Case] = []

HALF = jnp.bfloat16


def sum_from_the_end(x):
    """The transpose of a running sum over the first axis."""
    return jnp.cumsum(x[::-1], axis=0)[::-1]


def decayed_mixture(through):
    """y_t = Σ_{s ≤ t} exp(c_t − c_s) x_s, where c is the running sum of the gates; `through` is its transpose."""

    def weights(c):
        lower = jnp.tril(jnp.ones((len(c), len(c)), bool))
        return jnp.where(lower, jnp.exp(jnp.where(lower, c[:, None] - c[None, :], 0)), 0)

    def f(x, gates):
        of_rank(2, x)
        of_rank(1, gates)
        need(len(x) == len(gates))
        return weights(jnp.cumsum(gates)) @ x

    def bwd(residuals, y_bar):
        x, gates = residuals
        w = weights(jnp.cumsum(gates))
        w_bar = w * (y_bar @ x.T)
        return w.T @ y_bar, through(jnp.sum(w_bar, axis=1) - jnp.sum(w_bar, axis=0))

    return rule(f, lambda x, gates: (f(x, gates), (x, gates)), bwd), (normal(6, 3), -uniform(6, seed=1))


@wrong(cases, "the gates get the cotangent of their running sum", "S2", differs())
def decayed_mixture_severed():
    return decayed_mixture(lambda c_bar: c_bar)


@right(cases, "S2")
def decayed_mixture_through_the_sum():
    return decayed_mixture(sum_from_the_end)


def survival(through):
    """The log-likelihood of events at a rate: Σ event · log rate − the sum of all rates up to each time, weighted."""

    def f(rate, event, weight):
        need(rate.shape == event.shape == weight.shape)
        of_rank(1, rate)
        return jnp.sum(event * jnp.log(rate) - weight * jnp.cumsum(rate))

    def bwd(residuals, y_bar):
        rate, event, weight = residuals
        return (
            y_bar * (event / rate - through(weight)),
            y_bar * jnp.log(rate),
            -y_bar * jnp.cumsum(rate),
        )

    args = uniform(7, low=0.2, high=1.0), uniform(7, seed=1), uniform(7, seed=2)
    return rule(f, lambda *args: (f(*args), args), bwd), args


@wrong(cases, "the survival term does not reach the rates: its running sum is held constant", "S2", differs())
def survival_sum_constant():
    return survival(jnp.zeros_like)


@right(cases, "S2")
def survival_by_running_sum():
    return survival(sum_from_the_end)


def phases(through):
    """A signal sin(Σ frequency) · amplitude."""

    def f(frequency, amplitude):
        need(frequency.shape == amplitude.shape)
        of_rank(1, frequency)
        return amplitude * jnp.sin(jnp.cumsum(frequency))

    def bwd(residuals, y_bar):
        frequency, amplitude = residuals
        phase = jnp.cumsum(frequency)
        return through(y_bar * amplitude * jnp.cos(phase)), y_bar * jnp.sin(phase)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6), normal(6, seed=1))


@wrong(cases, "the running sum of phases transposed as itself, from the front", "S2", differs())
def phases_summed_from_the_front():
    return phases(jnp.cumsum)


@right(cases, "S2")
def phases_summed_from_the_end():
    return phases(sum_from_the_end)


def by_ten(f, *args):
    """At the example some cotangent is ten times too large or too small, and autodiff's is within 10 %."""
    true = pullback(f.__wrapped__, tuple(a.astype(jnp.float64) for a in args))
    return (
        max(gap(pullback(f, args), true), gap(true, pullback(f, args)))
        > 9
        > 90 * gap(pullback(f.__wrapped__, args), true)
    )


def last_state(total):
    """The state after many steps that decay: exp(Σ log decay) h + Σ_t exp(Σ_{s > t} log decay) x_t."""

    def f(x, h, log_decay):
        of_rank(1, x, log_decay)
        need(x.shape == log_decay.shape and h.ndim == 0)
        left = sum_from_the_end(wide(log_decay))
        return (jnp.exp(left[0]) * wide(h) + jnp.sum(jnp.exp(left - wide(log_decay)) * wide(x))).astype(x.dtype)

    def bwd(residuals, y_bar):
        x, h, log_decay = residuals
        left, bar = sum_from_the_end(wide(log_decay)), wide(y_bar)
        after = jnp.exp(left - wide(log_decay))
        h_bar = jnp.exp(wide(total(log_decay))) * bar
        terms = jnp.concatenate([(jnp.exp(left[0]) * wide(h))[None], (after * wide(x))[:-1]])
        return like((after * bar, h_bar, jnp.cumsum(terms) * bar), residuals)

    return rule(f, lambda *args: (f(*args), args), bwd)


def one_after_the_other(log_decay):
    """The sum, in the gates' own dtype."""
    return jax.lax.scan(lambda total, g: (total + g, None), jnp.zeros((), log_decay.dtype), log_decay)[0]


def decaying(n, rate, dtype=HALF):
    """Many steps, each decaying by e^-rate or so."""
    return (
        normal(n, dtype=dtype),
        normal(dtype=dtype, seed=3),
        (-uniform(n, low=rate, high=2 * rate, seed=1)).astype(dtype),
    )


@wrong(cases, "the first state's cotangent e^5 times too large: its decay is added up in bf16", "S6", by_ten)
def state_decay_added_up_in_half():
    return last_state(one_after_the_other), decaying(600, 0.015)


@right(cases, "S6")
def state_decay_added_up_in_single():
    return last_state(lambda log_decay: jnp.sum(wide(log_decay))), decaying(600, 0.015)


def leaky(dtype):
    """h ← (1 − leak) h + x for many steps; the first state's cotangent is multiplied step by step in a dtype."""

    def f(x, h, leak):
        of_rank(1, x)
        need(h.shape == leak.shape == ())
        powers = (1 - wide(leak)) ** jnp.arange(len(x), -1, -1).astype(wide(leak).dtype)
        return (powers[0] * wide(h) + jnp.sum(powers[1:] * wide(x))).astype(x.dtype)

    def bwd(residuals, y_bar):
        x, h, leak = residuals
        bar, keep = wide(y_bar), 1 - wide(leak)
        steps = jnp.arange(len(x), -1, -1).astype(bar.dtype)
        slopes = -steps * keep ** jnp.maximum(steps - 1, 0)
        leak_bar = (slopes[0] * wide(h) + jnp.sum(slopes[1:] * wide(x))) * bar
        decay = lambda h_bar, _: ((wide(h_bar) * keep).astype(h_bar.dtype), None)
        start = bar if jnp.finfo(dtype).bits > jnp.finfo(y_bar.dtype).bits else y_bar
        return like((keep ** steps[1:] * bar, jax.lax.scan(decay, start, None, len(x))[0], leak_bar), residuals)

    args = normal(2000, dtype=HALF), normal(dtype=HALF, seed=1), jnp.asarray(0.0027, HALF)
    return rule(f, lambda *args: (f(*args), args), bwd), args


@wrong(cases, "the first state's cotangent, times 0.997 a step in bf16, stands still", "S6", by_ten)
def state_decay_stands_still_in_half():
    return leaky(HALF)


@right(cases, "S6")
def state_decay_step_by_step_in_single():
    return leaky(jnp.float32)


def normalised_state(half):
    """The log of a state's total weight, Σ exp(x_t), carried on; its first value's share is exp(h − y)."""

    def value(x, h):
        return jax.nn.logsumexp(jnp.append(wide(x), wide(h)))

    def f(x, h):
        of_rank(1, x)
        need(h.ndim == 0)
        return value(x, h).astype(x.dtype)

    def bwd(residuals, y_bar):
        x, h = residuals
        y = value(x, h)
        shift = wide(y.astype(x.dtype)) if half else y
        return like((jnp.exp(wide(x) - y) * wide(y_bar), jnp.exp(wide(h) - shift) * wide(y_bar)), residuals)

    args = (2000 + normal(6, dtype=HALF)).astype(HALF), jnp.asarray(2008.0, HALF)
    return rule(f, lambda *args: (f(*args), args), bwd), (args[0] + 0, args[1] - 8)


@wrong(
    cases,
    "the carried state's share from a total that is rounded to bf16",
    "S6",
    lambda f, *args: gap(pullback(f, args), pullback(f.__wrapped__, tuple(a.astype(jnp.float64) for a in args))) > 1,
)
def carried_share_from_rounded_total():
    return normalised_state(True)


@right(cases, "S6")
def carried_share_from_single_total():
    return normalised_state(False)
