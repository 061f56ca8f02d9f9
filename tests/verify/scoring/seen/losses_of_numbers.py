"""Wrong rules of losses whose targets are numbers or distributions, and of similarities."""

import jax.numpy as jnp

from tests.helpers.case import Case, normal, ones, rule, softmax, uniform, wrong, zeros
from tests.helpers.witness import differs, nonlinear

cases: list[Case] = []


@wrong(cases, "a factor that is one at the default delta", "S3", differs(lambda r, d: (3 * r, 2 * d)))
def huber_forgets_delta():
    def f(error, delta):
        size = jnp.abs(error)
        return jnp.where(size <= delta, 0.5 * error**2, delta * (size - 0.5 * delta))

    def bwd(residuals, y_bar):
        error, delta = residuals
        size = jnp.abs(error)
        delta_bar = jnp.sum(jnp.where(size <= delta, 0.0, y_bar * (size - delta)).astype(delta.dtype))
        return y_bar * jnp.where(size <= delta, error, jnp.sign(error)), delta_bar

    return rule(f, lambda e, d: (f(e, d), (e, d)), bwd), (normal(4, 6), jnp.float32(1.0))


@wrong(cases, "both sides weighted alike, as at the median", "S3", differs(lambda e, q: (e, q + 0.4)))
def pinball_at_median():
    """The loss of a quantile, by default of the median."""

    def f(error, quantile):
        return jnp.mean(jnp.maximum(quantile * error, (quantile - 1) * error))

    def bwd(error, y_bar):
        return 0.5 * y_bar * jnp.sign(error) / error.size, y_bar * jnp.mean(error)

    return rule(f, lambda e, q: (f(e, q), e), bwd), (normal(4, 6), jnp.float32(0.5))


@wrong(cases, "the sign in place of a smooth step: wrong near zero", "S3", differs(lambda e: (1e-4 * e,)))
def charbonnier_by_sign():
    """√(e² + 1e-8), a smooth absolute error."""

    def f(error):
        return jnp.sum(jnp.sqrt(error**2 + 1e-8), axis=-1)

    return rule(f, lambda e: (f(e), e), lambda e, y_bar: (y_bar[:, None] * jnp.sign(e),)), (normal(4, 6),)


@wrong(cases, "only the sign of the cotangent is used", "S1", nonlinear())
def triplet_sign_of_cotangent():
    """An anchor should be nearer to the positive than to the negative, by one."""

    def excess(anchor, positive, negative):
        return 1 + jnp.sum((anchor - positive) ** 2 - (anchor - negative) ** 2, axis=-1)

    def f(*args):
        return jnp.mean(jnp.maximum(excess(*args), 0.0))

    def bwd(args, y_bar):
        anchor, positive, negative = args
        on = jnp.sign(y_bar) * (excess(*args) > 0).astype(anchor.dtype)[:, None] * 2 / len(anchor)
        return on * (negative - positive), on * (positive - anchor), on * (anchor - negative)

    def fwd(anchor, positive, negative):
        return f(anchor, positive, negative), (anchor, positive, negative)

    plain = lambda anchor, positive, negative: f(anchor, positive, negative)
    return rule(plain, fwd, bwd), (normal(4, 3), normal(4, 3, seed=1), normal(4, 3, seed=2))


@wrong(cases, "one weight a row, but the mean's own share left out", "S2", differs())
def weighted_mean_loss_numerator_only():
    """Σ w l / Σ w: the weights' cotangents lack the part of the denominator."""

    def f(losses, weights):
        return jnp.sum(weights * losses) / jnp.sum(weights)

    def bwd(residuals, y_bar):
        losses, weights = residuals
        share = y_bar / jnp.sum(weights)
        return share * weights, share * losses

    return rule(f, lambda x, w: (f(x, w), (x, w)), bwd), (uniform(6), uniform(6, low=0.5, seed=1))


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


@wrong(cases, "the second vector's projection is missing", "S2", differs())
def cosine_similarity_half_projected():
    def f(x, y):
        return jnp.sum(x * y) / (jnp.linalg.norm(x) * jnp.linalg.norm(y))

    def bwd(residuals, z_bar):
        x, y = residuals
        norms = jnp.linalg.norm(x) * jnp.linalg.norm(y)
        return z_bar * (y / norms - f(x, y) * x / jnp.sum(x * x)), z_bar * x / norms

    return rule(f, lambda x, y: (f(x, y), (x, y)), bwd), (normal(5), normal(5, seed=1))
