"""Wrong rules of linear maps and products."""

import jax.numpy as jnp

from tests.helpers.case import Case, normal, ones, rule, wrong, zeros
from tests.helpers.witness import differs, raises

cases: list[Case] = []


def linear_example():
    return normal(4, 5), normal(5, 5, seed=1), zeros(5)


def linear(x, weight, bias):
    return x @ weight + bias[None, :]


def linear_rule(bwd):
    return rule(linear, lambda x, weight, bias: (linear(x, weight, bias), (x, weight)), bwd)


@wrong(cases, "square weight not transposed", "S2", differs())
def linear_weight_not_transposed():
    def bwd(residuals, y_bar):
        x, weight = residuals
        return y_bar @ weight, x.T @ y_bar, jnp.sum(y_bar, axis=0)

    return linear_rule(bwd), linear_example()


@wrong(cases, "cotangent of the square weight transposed", "S2", differs())
def linear_weight_bar_transposed():
    def bwd(residuals, y_bar):
        x, weight = residuals
        return y_bar @ weight.T, y_bar.T @ x, jnp.sum(y_bar, axis=0)

    return linear_rule(bwd), linear_example()


@wrong(cases, "parameters' cotangents divided by the batch", "S2", differs())
def linear_divided_by_batch():
    def bwd(residuals, y_bar):
        x, weight = residuals
        return y_bar @ weight.T, x.T @ y_bar / len(x), jnp.sum(y_bar, axis=0) / len(x)

    return linear_rule(bwd), linear_example()


@wrong(cases, "None for an argument that has a gradient", "S2", differs())
def linear_bias_none():
    def bwd(residuals, y_bar):
        x, weight = residuals
        return y_bar @ weight.T, x.T @ y_bar, None

    return linear_rule(bwd), linear_example()


@wrong(cases, "sum not undone: a cotangent with an extra axis, which JAX refuses", "S0", raises())
def linear_bias_kept_axis():
    def bwd(residuals, y_bar):
        x, weight = residuals
        return y_bar @ weight.T, x.T @ y_bar, jnp.sum(y_bar, axis=0, keepdims=True)

    return linear_rule(bwd), linear_example()


@wrong(cases, "cotangents of two arguments of one shape swapped", "S2", differs())
def product_swapped():
    def f(x, y):
        return x * y

    return rule(f, lambda x, y: (x * y, (x, y)), lambda xy, bar: (bar * xy[0], bar * xy[1])), (
        normal(4, 6),
        normal(4, 6, seed=1),
    )


@wrong(cases, "the small argument's gradient is wrong and swamped by the other's", "S2", differs())
def spring_energy_swamped():
    """A stiff spring and a weak field: the field's cotangent is half of what it should be."""

    def f(position, field):
        return 1e6 * jnp.sum(position**2) + 1e-3 * jnp.sum(jnp.sin(field))

    def bwd(residuals, y_bar):
        position, field = residuals
        return 2e6 * position * y_bar, 5e-4 * jnp.cos(field) * y_bar

    return rule(f, lambda position, field: (f(position, field), (position, field)), bwd), (normal(3), normal(3, seed=1))


@wrong(cases, "one entry of 65,536 is zero", "S2", differs(lambda x: (x,)))
def scale_one_entry_lost():
    def f(x):
        return 3 * x

    return rule(f, lambda x: (3 * x, None), lambda _, bar: ((3 * bar).at[41_237].set(0.0),)), (normal(65_536),)


@wrong(cases, "einsum's batch axis not kept apart", "S2", differs())
def einsum_shares_weight_bar():
    """One weight a head; every head gets the mean over heads."""

    def f(x, weight):
        return jnp.einsum("bhd,hde->bhe", x, weight)

    def bwd(residuals, y_bar):
        x, weight = residuals
        weight_bar = jnp.einsum("bhd,bhe->hde", x, y_bar)
        mean = jnp.broadcast_to(jnp.mean(weight_bar, axis=0, keepdims=True), weight.shape)
        return jnp.einsum("bhe,hde->bhd", y_bar, weight), mean

    return rule(f, lambda x, weight: (f(x, weight), (x, weight)), bwd), (normal(2, 3, 4), normal(3, 4, 4, seed=1))


@wrong(cases, "scale's cotangent summed over the wrong axis of a square array", "S2", differs())
def row_scale_wrong_axis():
    def f(x, scale):
        return x * scale[:, None]

    def bwd(residuals, y_bar):
        x, scale = residuals
        return y_bar * scale[:, None], jnp.sum(y_bar * x, axis=0)

    return rule(f, lambda x, scale: (f(x, scale), (x, scale)), bwd), (normal(5, 5), ones(5))


@wrong(cases, "cotangent of the square weight transposed", "S2", differs())
def bilinear_weight_transposed():
    def f(x, w, y):
        return jnp.einsum("bi,ij,bj->b", x, w, y)

    def bwd(residuals, z_bar):
        x, w, y = residuals
        bar = z_bar[:, None]
        return bar * (y @ w.T), (bar * y).T @ x, bar * (x @ w)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(3, 4), normal(4, 4, seed=1), normal(3, 4, seed=2))
