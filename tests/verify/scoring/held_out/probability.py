"""Wrong rules of probability."""

import jax
import jax.numpy as jnp
from jax.scipy.special import digamma, gammaln, i0, i0e, i1

from tests.helpers.case import Case, normal, ones, rule, uniform, wide, wrong, zeros
from tests.helpers.witness import differs, worse_than_autodiff

cases: list[Case] = []


@wrong(
    cases, "a ratio of two overflowing Bessel functions", "S3", differs(lambda k: (jnp.asarray([1.0, 30.0, 900.0]),))
)
def bessel_log_slope_unscaled():
    """log I₀(κ), the von Mises distribution's normaliser."""

    def f(k):
        return jnp.log(i0e(k)) + jnp.abs(k)

    return rule(f, lambda k: (f(k), k), lambda k, bar: (bar * i1(k) / i0(k),)), (uniform(6, low=0.5, high=4.0),)


@wrong(cases, "the distance of the means does not reach the second width", "S2", differs())
def gaussian_kl_width_without_distance():
    """KL(N(m, s²) ‖ N(n, t²)) from means and widths."""

    def f(m, s, n, t):
        return jnp.sum(jnp.log(t / s) + (s * s + (m - n) ** 2) / (2 * t * t) - 0.5)

    def bwd(kept, bar):
        m, s, n, t = kept
        m_bar = bar * (m - n) / (t * t)
        return m_bar, bar * (s / (t * t) - 1 / s), -m_bar, bar * (1 / t - s * s / t**3)

    widths = uniform(5, low=0.5, high=2.0, seed=1), uniform(5, low=0.5, high=2.0, seed=2)
    return rule(f, lambda *args: (f(*args), args), bwd), (normal(5), widths[0], normal(5, seed=3), widths[1])


@wrong(cases, "the total's digamma left out", "S2", differs())
def dirichlet_concentration_without_total():
    """The log density from log-probabilities and concentrations."""

    def f(log_p, a):
        return gammaln(jnp.sum(a, axis=-1)) + jnp.sum((a - 1) * log_p - gammaln(a), axis=-1)

    def bwd(kept, bar):
        log_p, a = kept
        return bar[..., None] * (a - 1), bar[..., None] * (log_p - digamma(a))

    args = jax.nn.log_softmax(normal(3, 4)), uniform(3, 4, low=0.5, high=3.0, seed=1)
    return rule(f, lambda *args: (f(*args), args), bwd), args


@wrong(cases, "the noise before the quantile function, not after it", "S2", differs())
def logistic_sample_scale_by_uniform():
    """location + scale · logit(u), with u drawn from a key."""

    def draw(key, like):
        return jax.random.uniform(key, like.shape, like.dtype, 0.01, 0.99)

    def f(key, location, scale):
        u = draw(key, location)
        return location + scale * jnp.log(u / (1 - u))

    def fwd(key, location, scale):
        return f(key, location, scale), draw(key, location)

    return rule(f, fwd, lambda u, bar: (None, bar, bar * u)), (
        jax.random.PRNGKey(3),
        normal(4, 5),
        uniform(4, 5, low=0.5, high=2.0, seed=1),
    )


def uneven(x, logits, means):
    return x.astype(jnp.float64), jnp.asarray([1.0, -1.0, 0.5]), means.astype(jnp.float64)


@wrong(cases, "responsibilities without the weights, which are even as initialised", "S3", differs(uneven))
def mixture_shares_without_weights():
    """The log density of points under unit Gaussians with weights softmax(logits)."""

    def f(x, logits, means):
        return jax.nn.logsumexp(jax.nn.log_softmax(logits)[None, :] - 0.5 * (x[:, None] - means[None, :]) ** 2, axis=-1)

    def bwd(kept, bar):
        x, logits, means = kept
        share = bar[:, None] * jax.nn.softmax(-0.5 * (x[:, None] - means[None, :]) ** 2, axis=-1)
        pull = share * (means[None, :] - x[:, None])
        logits_bar = jnp.sum(share, axis=0) - jax.nn.softmax(logits) * jnp.sum(bar)
        return jnp.sum(pull, axis=-1), logits_bar, -jnp.sum(pull, axis=0)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(8), zeros(3), normal(3, seed=1))


@wrong(cases, "the exposure, one by default, is left out of the rate", "S3", differs(lambda k, e, t: (k, e, 3.0 * t)))
def poisson_rate_without_exposure():
    """k (η + log t) − t exp η, for counts k, log-rates η and times t."""

    def f(k, eta, t):
        return k * (eta + jnp.log(t)) - t * jnp.exp(eta)

    def bwd(kept, bar):
        k, eta, t = kept
        return bar * (eta + jnp.log(t)), bar * (k - jnp.exp(eta)), bar * (k / t - jnp.exp(eta))

    return rule(f, lambda *args: (f(*args), args), bwd), (jnp.round(uniform(6, high=5.0)), normal(6, seed=1), ones(6))


@wrong(cases, "the log-determinant's diagonal missing", "S2", differs())
def gaussian_factor_without_log_diagonal():
    """log N(x; 0, L Lᵀ) up to a constant, from x and the lower factor L."""

    def f(x, factor):
        z = jax.scipy.linalg.solve_triangular(factor, x, lower=True)
        return -0.5 * z @ z - jnp.sum(jnp.log(jnp.abs(jnp.diagonal(factor))))

    def bwd(kept, bar):
        x, factor = kept
        z = jax.scipy.linalg.solve_triangular(factor, x, lower=True)
        w = jax.scipy.linalg.solve_triangular(factor, z, lower=True, trans=1)
        return -bar * w, bar * jnp.tril(jnp.outer(w, z))

    return rule(f, lambda *args: (f(*args), args), bwd), (
        normal(4),
        jnp.tril(0.3 * normal(4, 4, seed=1)) + jnp.eye(4, dtype="float32"),
    )


@wrong(cases, "fourth powers overflow in float16 from 16 on", "S6", worse_than_autodiff(lambda x: (x * 20,)))
def heavy_tail_fourth_power_in_f16():
    """−log(1 + x⁴), a log density up to a constant."""

    def f(x):
        return -jnp.log1p(wide(x) ** 4).astype(x.dtype)

    return rule(f, lambda x: (f(x), x), lambda x, bar: (-4 * bar * x**3 / (1 + x**4),)), (
        normal(4, 6, dtype=jnp.float16),
    )
