"""Held out: wrong rules of losses, recurrences, and functions of trees."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, ones, rule, uniform, wrong, zeros
from tests.helpers.witness import differs, raises

cases: list[Case] = []


def softmax(x):
    return jax.nn.softmax(x, axis=-1)


@wrong(cases, "a factor that is one at the default temperature", "S3", differs(lambda x, t: (x, 2 * t)))
def softmax_forgets_temperature():
    def f(x, temperature):
        return softmax(x / temperature)

    def bwd(residuals, y_bar):
        x, temperature = residuals
        y = f(x, temperature)
        z_bar = y * (y_bar - jnp.sum(y_bar * y, axis=-1, keepdims=True))
        return z_bar, -jnp.sum(z_bar * x) / temperature**2

    return rule(f, lambda x, t: (f(x, t), (x, t)), bwd), (normal(4, 6), jnp.float32(1.0))


IGNORED = -100


@wrong(cases, "ignored ids still get a gradient", "S3", differs(lambda x, ids: (x, ids.at[1].set(IGNORED))))
def cross_entropy_ignored_ids():
    """No id of the example is ignored."""

    def f(logits, ids):
        picked = jnp.take_along_axis(jax.nn.log_softmax(logits), jnp.maximum(ids, 0)[:, None], axis=-1)[:, 0]
        return jnp.sum(jnp.where(ids == IGNORED, 0.0, -picked).astype(logits.dtype))

    def bwd(residuals, y_bar):
        logits, ids = residuals
        return y_bar * (softmax(logits) - jax.nn.one_hot(ids, logits.shape[-1], dtype=logits.dtype)), None

    return rule(f, lambda logits, ids: (f(logits, ids), (logits, ids)), bwd), (normal(4, 3), jnp.asarray([2, 0, 1, 2]))


@wrong(cases, "a factor that is one at unit variance", "S3", differs(lambda x, m, v: (x, m, v + 1)))
def gaussian_likelihood_unit_variance():
    def f(x, mean, log_var):
        return 0.5 * jnp.mean((x - mean) ** 2 * jnp.exp(-log_var) + log_var)

    def bwd(residuals, y_bar):
        x, mean, log_var = residuals
        bar = y_bar * (x - mean) / x.size
        log_var_bar = 0.5 * y_bar * (1 - (x - mean) ** 2 * jnp.exp(-log_var)) / x.size
        return bar, -bar, log_var_bar

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(8), normal(8, seed=1), zeros(8))


@wrong(cases, "the second vector's projection is missing", "S2", differs())
def cosine_similarity_half_projected():
    def f(x, y):
        return jnp.sum(x * y) / (jnp.linalg.norm(x) * jnp.linalg.norm(y))

    def bwd(residuals, z_bar):
        x, y = residuals
        norms = jnp.linalg.norm(x) * jnp.linalg.norm(y)
        return z_bar * (y / norms - f(x, y) * x / jnp.sum(x * x)), z_bar * x / norms

    return rule(f, lambda x, y: (f(x, y), (x, y)), bwd), (normal(5), normal(5, seed=1))


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


@wrong(cases, "one cotangent too few, which JAX refuses", "S0", raises())
def affine_two_of_three():
    def f(x, scale, shift):
        return x * scale + shift

    def bwd(residuals, y_bar):
        x, scale = residuals
        return y_bar * scale, y_bar * x

    return rule(f, lambda x, scale, shift: (f(x, scale, shift), (x, scale)), bwd), (normal(5), ones(5), zeros(5))


@wrong(cases, "epsilon differs between the passes", "S3", differs(lambda p, w: (p * 1e-4, w)))
def likelihood_other_epsilon():
    """Weighted −log(p + ε) of probabilities."""

    def f(p, weight):
        return -weight * jnp.log(p + 1e-6)

    def bwd(residuals, y_bar):
        p, weight = residuals
        return -y_bar * weight / (p + 1e-5), -y_bar * jnp.log(p + 1e-6)

    return rule(f, lambda p, weight: (f(p, weight), (p, weight)), bwd), (uniform(8, low=0.3), ones(8))


@wrong(cases, "an addend is missing", "S2", differs())
def kl_divergence_without_one():
    def f(p, q):
        return jnp.sum(p * (jnp.log(p) - jnp.log(q)), axis=-1)

    def bwd(residuals, y_bar):
        p, q = residuals
        return y_bar[:, None] * (jnp.log(p) - jnp.log(q)), -y_bar[:, None] * p / q

    return rule(f, lambda p, q: (f(p, q), (p, q)), bwd), (softmax(normal(4, 5)), softmax(normal(4, 5, seed=1)))
