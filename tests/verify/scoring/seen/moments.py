"""Wrong rules of variances, correlations and higher moments."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, uniform, wrong
from tests.helpers.witness import differs, second_order

cases: list[Case] = []


@wrong(cases, "moments about zero cancel far from zero", "S3", differs(lambda x, y: (x + 3e3, y)))
def correlation_by_moments():
    """Pearson's coefficient of two samples."""

    def f(x, y):
        x, y = x - jnp.mean(x), y - jnp.mean(y)
        return jnp.sum(x * y) / jnp.sqrt(jnp.sum(x * x) * jnp.sum(y * y))

    def bwd(residuals, r_bar):
        x, y = residuals
        x_var, y_var = jnp.mean(x * x) - jnp.mean(x) ** 2, jnp.mean(y * y) - jnp.mean(y) ** 2
        r = (jnp.mean(x * y) - jnp.mean(x) * jnp.mean(y)) / jnp.sqrt(x_var * y_var)
        x_hat, y_hat = (x - jnp.mean(x)) / jnp.sqrt(x_var), (y - jnp.mean(y)) / jnp.sqrt(y_var)
        bar = r_bar / len(x)
        return bar * (y_hat - r * x_hat) / jnp.sqrt(x_var), bar * (x_hat - r * y_hat) / jnp.sqrt(y_var)

    return rule(f, lambda x, y: (f(x, y), (x, y)), bwd), (normal(12), normal(12, seed=1))


@wrong(cases, "the mean taken as a constant, which is right for the second moment only", "S2", differs())
def third_moment_mean_constant():
    def f(x):
        return jnp.mean((x - jnp.mean(x)) ** 3)

    def bwd(x, y_bar):
        return (3 * y_bar * (x - jnp.mean(x)) ** 2 / len(x),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(10),)


@wrong(cases, "the count kept in float16: infinite from 65,520 on", "S10", differs(lambda x: (normal(70_000),)))
def mean_absolute_deviation_count_f16():
    def f(x):
        return jnp.mean(jnp.abs(x - jnp.mean(x)))

    def bwd(x, y_bar):
        count = jnp.sum(jnp.ones(x.shape, jnp.float16)).astype(x.dtype)
        sign = jnp.sign(x - jnp.mean(x))
        return (y_bar * (sign - jnp.mean(sign)) / count,)

    return rule(f, lambda x: (f(x), x), bwd), (normal(24),)


@wrong(cases, "the centred numbers held constant: second order wrong", "S8", second_order)
def deviation_centred_stopped():
    def f(x):
        return jnp.sqrt(jnp.mean((x - jnp.mean(x)) ** 2) + 1e-6)

    def fwd(x):
        return f(x), (jax.lax.stop_gradient(x - jnp.mean(x)), f(x))

    return rule(f, fwd, lambda kept, y_bar: (y_bar * kept[0] / (kept[1] * kept[0].size),)), (normal(12),)


@wrong(
    cases,
    "a product of all numbers, which overflows for many",
    "S10",
    differs(lambda x: (uniform(4096, low=0.5, high=4.0),)),
)
def geometric_mean_by_product():
    def f(x):
        return jnp.exp(jnp.mean(jnp.log(x)))

    def bwd(x, y_bar):
        return (y_bar * jnp.prod(x) ** (1 / x.size) / (x.size * x),)

    return rule(f, lambda x: (f(x), x), bwd), (uniform(8, low=0.5, high=4.0),)


@wrong(cases, "assumes a symmetric cotangent", "S2", differs())
def covariance_one_sided():
    def f(x):
        centred = x - jnp.mean(x, axis=0, keepdims=True)
        return centred.T @ centred / len(x)

    def bwd(x, y_bar):
        centred = x - jnp.mean(x, axis=0, keepdims=True)
        return (2 * centred @ y_bar / len(x),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(6, 3),)
