"""Right rules of scans, paths, series and steps in time."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, of_rank, pointwise, right, rule, uniform, wide, zeros

cases: list[Case] = []


@right(cases, "S2")
def chain_log_partition_by_marginals():
    """The log of a sum over all paths, by the forward algorithm; its slopes are the marginals, by forward-backward."""

    def ahead(unary, pair):
        of_rank(2, unary, pair)

        def step(alpha, u):
            alpha = jax.nn.logsumexp(alpha[:, None] + pair, axis=0) + u
            return alpha, alpha

        rest = jax.lax.scan(step, unary[0], unary[1:])[1]
        return jnp.concatenate([unary[:1], rest])

    def f(unary, pair):
        return jax.nn.logsumexp(ahead(wide(unary), wide(pair))[-1]).astype(unary.dtype)

    def bwd(residuals, y_bar):
        unary, pair = (wide(a) for a in residuals)

        def step(beta, u):
            beta = jax.nn.logsumexp(pair + (u + beta)[None, :], axis=1)
            return beta, beta

        last = jnp.zeros_like(unary[-1])
        rest = jax.lax.scan(step, last, unary[1:], reverse=True)[1]
        alpha, beta = ahead(unary, pair), jnp.concatenate([rest, last[None]])
        edges = alpha[:-1, :, None] + pair[None] + (unary + beta)[1:, None, :]
        bars = jax.nn.softmax(alpha + beta, axis=-1), jnp.sum(jax.nn.softmax(edges, axis=(1, 2)), axis=0)
        return tuple((wide(y_bar) * bar).astype(a.dtype) for bar, a in zip(bars, residuals, strict=True))

    return rule(f, lambda unary, pair: (f(unary, pair), (unary, pair)), bwd), (normal(5, 3), normal(3, 3, seed=1))


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


@right(cases, "S10")
def log_cumulative_sum_exp():
    """Every quotient of exponentials is at most one, so that nothing overflows, however long."""

    def f(x):
        return jax.lax.cumlogsumexp(wide(x)).astype(x.dtype)

    def bwd(x, y_bar):
        z, bar = wide(x), wide(y_bar)
        y = jax.lax.cumlogsumexp(z)
        decay = jnp.concatenate([jnp.exp(y[:-1] - y[1:]), jnp.zeros_like(y[:1])])

        def step(later, at):
            bar, decay = at
            later = bar + decay * later
            return later, later

        later = jax.lax.scan(step, jnp.zeros_like(z[0]), (bar, decay), reverse=True)[1]
        return ((jnp.exp(z - y) * later).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(8),)


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
def decay_by_associative_scan():
    """h_t = a_t h_{t-1} + x_t, added up as a tree: another rounding than step by step."""

    def f(a, x):
        def join(early, late):
            return early[0] * late[0], early[1] * late[0] + late[1]

        return jax.lax.associative_scan(join, (a, x))[1]

    def bwd(residuals, y_bar):
        a, h = residuals
        later = jnp.concatenate([a[1:], jnp.zeros_like(a[:1])])
        x_bar = f(later[::-1], y_bar[::-1])[::-1]
        return x_bar * jnp.concatenate([jnp.zeros_like(h[:1]), h[:-1]]), x_bar

    return rule(f, lambda a, x: (f(a, x), (a, f(a, x))), bwd), (uniform(8), normal(8))


@right(cases, "S2")
def recurrence_by_scan():
    """h_t = tanh(a h_{t-1} + x_t); the states and the last of them are returned."""

    def f(x, h0, a):
        def step(h, x_t):
            h = jnp.tanh(a * h + x_t)
            return h, h

        last, states = jax.lax.scan(step, h0, x)
        return states, last

    def fwd(x, h0, a):
        states, last = f(x, h0, a)
        return (states, last), (states, h0, a)

    def bwd(residuals, bars):
        (states, h0, a), (states_bar, last_bar) = residuals, bars

        def step(h_bar, at):
            h, bar = at
            u_bar = (h_bar + bar) * (1 - h * h)
            return a * u_bar, u_bar

        h0_bar, x_bar = jax.lax.scan(step, last_bar, (states, states_bar), reverse=True)
        before = jnp.concatenate([h0[None], states[:-1]])
        return x_bar, h0_bar, jnp.sum(x_bar * before, axis=0)

    return rule(f, fwd, bwd), (normal(5, 3), zeros(3), normal(3, seed=1))


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


@right(cases, "S7")
def euler_with_checkpoints():
    """Ten steps of y' = drive − tanh y, whose slope is a rule; every fourth state is kept, the others come again."""
    tanh = pointwise(lambda y: jnp.tanh(y), lambda y: 1 - jnp.tanh(y) ** 2)
    spans = (4, 4, 2)

    def steps(y, drive, count):
        def step(y, _):
            return y + 0.1 * (drive - tanh(y)), None

        return jax.lax.scan(step, y, length=count)[0]

    def f(y, drive):
        return steps(y, drive, sum(spans))

    def fwd(y, drive):
        kept = []
        for count in spans:
            kept.append(y)
            y = steps(y, drive, count)
        return y, (kept, drive)

    def bwd(residuals, y_bar):
        kept, drive = residuals
        drive_bar = jnp.zeros_like(drive)
        for y, count in zip(kept[::-1], spans[::-1], strict=True):
            y_bar, more = jax.vjp(lambda y, drive, count=count: steps(y, drive, count), y, drive)[1](y_bar)
            drive_bar = drive_bar + more
        return y_bar, drive_bar

    return rule(f, fwd, bwd), (normal(4, 3), normal(4, 3, seed=1))


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
