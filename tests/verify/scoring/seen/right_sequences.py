"""Held out, blind: right rules of implicit functions, rotations, entropies, series and scans."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, right, rule, uniform

from .right_arrays import wide

cases: list[Case] = []


def cubic_root_in_closed_form(x):
    return 2 / math.sqrt(3) * jnp.sinh(jnp.arcsinh(1.5 * math.sqrt(3) * x) / 3)


@right(cases, "S4", truth=cubic_root_in_closed_form)
def cubic_root_by_newton():
    """y + y³ = x in a while loop; the forward pass calls the rule itself, so that it can be derived again."""

    def f(x):
        x, dtype = wide(x), x.dtype
        small = 4 * float(jnp.finfo(x.dtype).eps)

        def far(state):
            step, y, before = state
            return (step < 60) & jnp.any(jnp.abs(y - before) > small * jnp.abs(y))

        def improve(state):
            step, y, _ = state
            return step + 1, 2 * y * (y * y / (3 * y * y + 1)) + x / (3 * y * y + 1), y

        start = jnp.cbrt(x)
        return jax.lax.while_loop(far, improve, (0, start, start + 1))[1].astype(dtype)

    def fwd(x):
        y = again(x)
        return y, y

    def bwd(y, y_bar):
        return ((wide(y_bar) / (1 + 3 * wide(y) ** 2)).astype(y.dtype),)

    again = rule(f, fwd, bwd)
    return again, (normal(6),)


@right(cases, "S8")
def damped_fixed_point():
    """y + tanh(y) / 2 = x by sixty rounds of a contraction; the slope by the implicit function theorem."""

    def solve(x):
        return jax.lax.fori_loop(0, 60, lambda _, y: x - 0.5 * jnp.tanh(y), x)

    def f(x):
        return solve(wide(x)).astype(x.dtype)

    def fwd(x):
        y = solve(wide(x))
        return y.astype(x.dtype), y

    def bwd(y, y_bar):
        return ((wide(y_bar) / (1.5 - 0.5 * jnp.tanh(y) ** 2)).astype(y_bar.dtype),)

    return rule(f, fwd, bwd), (normal(4, 3),)


def rotation_factors(s):
    """sin θ/θ, (1 − cos θ)/θ² and their slopes in s = θ², by series below one."""

    def series(first, x):
        terms = [(-1) ** k / math.factorial(2 * k + first) for k in range(12)]
        slopes = [k * term for k, term in enumerate(terms)][1:]
        return [jnp.polyval(jnp.asarray(row[::-1], x.dtype), x) for row in (terms, slopes)]

    small = s < 1
    low, high = jnp.where(small, s, 0.0).astype(s.dtype), jnp.where(small, 1.0, s).astype(s.dtype)
    angle = jnp.sqrt(high)
    a, b = jnp.sin(angle) / angle, (1 - jnp.cos(angle)) / high
    large = a, (jnp.cos(angle) - a) / (2 * high), b, (0.5 * a - b) / high
    return [jnp.where(small, x, y) for x, y in zip(series(1, low) + series(2, low), large, strict=True)]


@right(cases, "S3")
def rotate_by_vector():
    """Rodrigues' formula for rotation vectors, zero among them."""

    def dot(u, v):
        return jnp.sum(u * v, axis=-1, keepdims=True)

    def f(turn, v):
        turn, v, dtype = wide(turn), wide(v), v.dtype
        across = jnp.cross(turn, v)
        a, _, b, _ = rotation_factors(dot(turn, turn))
        return (v + a * across + b * jnp.cross(turn, across)).astype(dtype)

    def bwd(residuals, y_bar):
        turn, v, y_bar, dtype = *map(wide, residuals), wide(y_bar), y_bar.dtype
        a, a_slope, b, b_slope = rotation_factors(dot(turn, turn))
        across, back = jnp.cross(turn, v), jnp.cross(turn, y_bar)
        s_bar = a_slope * dot(y_bar, across) + b_slope * dot(y_bar, jnp.cross(turn, across))
        turned = y_bar * dot(turn, v) + v * dot(turn, y_bar) - 2 * turn * dot(v, y_bar)
        turn_bar = a * jnp.cross(v, y_bar) + b * turned + 2 * s_bar * turn
        return turn_bar.astype(dtype), (y_bar - a * back + b * jnp.cross(turn, back)).astype(dtype)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 3).at[1].set(0.0), normal(4, 3, seed=1))


@right(cases, "S3")
def softmax_entropy():
    """−p (log p + H) with log p from the logits: zero where p underflows."""

    def parts(x):
        z = wide(x) - jax.lax.stop_gradient(jnp.max(wide(x), axis=-1, keepdims=True))
        return jax.nn.softmax(z, axis=-1), jax.nn.log_softmax(z, axis=-1)

    def f(x):
        p, log_p = parts(x)
        return -jnp.sum(p * log_p, axis=-1).astype(x.dtype)

    def bwd(x, y_bar):
        p, log_p = parts(x)
        entropy = -jnp.sum(p * log_p, axis=-1, keepdims=True)
        return ((-wide(y_bar)[..., None] * p * (log_p + entropy)).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 5),)


@right(cases, "S9")
def polynomial_by_horner():
    """The cotangents of the coefficients are powers, of which any number may come."""

    def horner(x, c):
        value, slope = jnp.zeros_like(x), jnp.zeros_like(x)
        for k in reversed(range(len(c))):
            value, slope = value * x + c[k], slope * x + value
        return value, slope

    def f(x, c):
        return horner(wide(x), wide(c))[0].astype(x.dtype)

    def bwd(residuals, y_bar):
        x, c = residuals
        x, bar, c_bar = wide(x), wide(y_bar), []
        x_bar = bar * horner(x, wide(c))[1]
        for _ in range(len(c)):
            c_bar.append(jnp.sum(bar))
            bar = bar * x
        return x_bar.astype(y_bar.dtype), jnp.stack(c_bar).astype(c.dtype)

    return rule(f, lambda x, c: (f(x, c), (x, c)), bwd), (uniform(7, low=-1.0), normal(5))


@right(cases, "S3")
def cumlogsumexp_by_scan():
    """Step by step, with the two shares of a log-sum-exp as sigmoids."""

    def running(x):
        def step(total, x_t):
            after = jnp.logaddexp(total, x_t)
            return after, (after, total)

        _, (after, before) = jax.lax.scan(step, x[0], x[1:])
        return jnp.concatenate([x[:1], after]), before

    def f(x):
        return running(wide(x))[0].astype(x.dtype)

    def bwd(x, y_bar):
        x, bar, dtype = wide(x), wide(y_bar), x.dtype

        def step(later, at):
            bar_t, share = at
            total = later + bar_t
            return total * (1 - share), total * share

        share = jax.lax.logistic(x[1:] - running(x)[1])
        first, rest = jax.lax.scan(step, jnp.zeros_like(bar[0]), (bar[1:], share), reverse=True)
        return (jnp.concatenate([(first + bar[0])[None], rest]).astype(dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(7),)


@right(cases, "S10")
def chain_log_partition():
    """All paths through a chain of states [time, state]: marginals by smoothing backwards."""

    def forward(scores, moves):
        def step(alpha, score):
            return jax.nn.logsumexp(alpha[:, None] + moves, axis=0) + score, alpha

        return jax.lax.scan(step, scores[0], scores[1:])

    def f(scores, moves):
        return jax.nn.logsumexp(forward(wide(scores), wide(moves))[0]).astype(scores.dtype)

    def bwd(residuals, y_bar):
        scores, moves = (wide(leaf) for leaf in residuals)
        last, before = forward(scores, moves)

        def step(carry, alpha):
            later, total = carry
            pair = jax.nn.softmax(alpha[:, None] + moves, axis=0) * later[None, :]
            return (jnp.sum(pair, axis=1), total + pair), later

        end = wide(y_bar) * jax.nn.softmax(last)
        (first, pairs), rest = jax.lax.scan(step, (end, jnp.zeros_like(moves)), before, reverse=True)
        scores_bar = jnp.concatenate([first[None], rest])
        return tuple(bar.astype(leaf.dtype) for bar, leaf in zip((scores_bar, pairs), residuals, strict=True))

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(5, 3), normal(3, 3, seed=1))


@right(cases, "S9")
def spectrum_gain():
    """One gain a frequency; the inner frequencies stand for two."""

    def filtered(x, gain):
        spectrum = jnp.fft.rfft(x)
        return jnp.fft.irfft(spectrum * gain.astype(spectrum.dtype), n=len(x))

    def f(x, gain):
        return filtered(wide(x), wide(gain)).astype(x.dtype)

    def bwd(residuals, y_bar):
        x, gain = residuals
        count = np.full(len(gain), 2.0)
        count[0] = 1
        if len(x) % 2 == 0:
            count[-1] = 1
        product = jnp.real(jnp.conj(jnp.fft.rfft(wide(x))) * jnp.fft.rfft(wide(y_bar)))
        gain_bar = jnp.asarray(count / len(x), product.dtype) * product
        return filtered(wide(y_bar), wide(gain)).astype(x.dtype), gain_bar.astype(gain.dtype)

    return rule(f, lambda x, gain: (f(x, gain), (x, gain)), bwd), (normal(9), uniform(5, seed=1))
