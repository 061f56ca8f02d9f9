"""Right rules at kinks, ties, zeros and borders, where autodiff's own choice is one of many."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, from_output, normal, pointwise, right, rule, uniform

cases: list[Case] = []


def integers(*shape: int, low: int = -2, high: int = 3, seed: int = 0):
    """Small whole numbers as floats: ties and zeros."""
    return jnp.asarray(np.random.default_rng(seed).integers(low, high, size=shape), jnp.float32)


def relu(x):
    return jnp.maximum(x, 0.0)


def relu_with(at_zero):
    return pointwise(relu, lambda x: jnp.where(x == 0, at_zero, jnp.where(x > 0, 1.0, 0.0)).astype(x.dtype))


@right(cases, "S5")
def relu_zero_at_zero():
    return relu_with(0.0), (integers(4, 6),)


@right(cases, "S8")
def softplus_of_two_ties_from_its_input():
    """Autodiff of the function is wrong at 0; of the backward pass it is right."""
    f = lambda x: jnp.maximum(x, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(x)))
    return pointwise(f, jax.lax.logistic), (normal(4, 6),)


@right(cases, "S5")
def relu_half_at_zero():
    return relu_with(0.5), (integers(4, 6),)


@right(cases, "S5")
def relu_one_at_zero():
    return relu_with(1.0), (normal(4, 6),)


@right(cases, "S5")
def abs_zero_at_zero():
    return pointwise(jnp.abs, jnp.sign), (integers(4, 6),)


@right(cases, "S5")
def max_first_of_a_tie():
    def f(x):
        return jnp.max(x, axis=-1)

    def bwd(x, y_bar):
        first = jnp.argmax(x, axis=-1)[:, None] == jnp.arange(x.shape[-1])[None, :]
        return (jnp.where(first, y_bar[:, None], 0.0).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (integers(4, 6),)


@right(cases, "S5")
def max_split_over_a_tie():
    def f(x):
        return jnp.max(x, axis=-1)

    def bwd(x, y_bar):
        hits = (x == f(x)[:, None]).astype(x.dtype)
        return (hits / jnp.sum(hits, axis=-1, keepdims=True) * y_bar[:, None],)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6),)


@right(cases, "S5")
def sort_stable():
    """Equal entries keep their order, and so do their cotangents."""

    def f(x):
        return jnp.sort(x)

    def fwd(x):
        order = jnp.argsort(x, stable=True)
        return x[order], order

    return rule(f, fwd, lambda order, y_bar: (jnp.zeros_like(y_bar).at[order].set(y_bar),)), (integers(7),)


@right(cases, "S5")
def clip_closed_border():
    """The gradient passes at the border itself."""
    return pointwise(lambda x: jnp.clip(x, -1.0, 1.0), lambda x: (jnp.abs(x) <= 1).astype(x.dtype)), (integers(4, 6),)


@right(cases, "S5")
def sqrt_zero_at_zero():
    """The declared slope at zero is 0, where the derivative is infinite."""

    def slope(y):
        return jnp.where(y > 0, 0.5 / jnp.where(y > 0, y, 1.0), 0.0).astype(y.dtype)

    return from_output(jnp.sqrt, slope), (uniform(4, 6),)


@right(cases, "S5")
def norm_zero_at_zero():
    """The length of each row; a zero row gets zero."""

    def f(x):
        return jnp.sqrt(jnp.sum(x * x, axis=-1))

    def bwd(x, y_bar):
        y = f(x)
        scale = jnp.where(y > 0, y_bar / jnp.where(y > 0, y, 1.0), 0.0).astype(x.dtype)
        return (x * scale[:, None],)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 3).at[1].set(0.0),)


@right(cases, "S5")
def table_at_its_knots():
    """A piecewise linear table asked at its knots, where the slope is taken to the right."""

    def place(x, table):
        left = jnp.clip(jnp.floor(x), 0, len(table) - 2)
        return left.astype(jnp.int32), x - left

    def f(x, table):
        left, part = place(x, table)
        return (1 - part) * table[left] + part * table[left + 1]

    def bwd(residuals, y_bar):
        x, table = residuals
        left, part = place(x, table)
        table_bar = jnp.zeros_like(table).at[left].add(y_bar * (1 - part)).at[left + 1].add(y_bar * part)
        return y_bar * (table[left + 1] - table[left]), table_bar

    return rule(f, lambda x, table: (f(x, table), (x, table)), bwd), (integers(6, low=0, high=4), normal(5))


def half_step(x):
    """1 where x is positive, and a half at zero."""
    return (0.5 * ((x > 0).astype(x.dtype) + (x >= 0).astype(x.dtype))).astype(x.dtype)


@right(cases, "S5")
def hinge_half_at_margin():
    return pointwise(lambda x: jnp.maximum(1 - x, 0.0), lambda x: -half_step(1 - x)), (
        jnp.asarray([-1.0, 0.0, 1.0, 2.0, 1.0], jnp.float32),
    )


@right(cases, "S5")
def hard_swish_mean_at_borders():
    """At −3 and 3 the mean of the slopes to either side."""

    def slope(x):
        inside = half_step(x + 3) - half_step(x - 3)
        return inside * (2 * jnp.clip(x, -3.0, 3.0) + 3) / 6 + half_step(x - 3)

    return pointwise(lambda x: x * jnp.clip((x + 3) / 6, 0.0, 1.0), slope), (
        jnp.asarray([-4.0, -3.0, 0.0, 3.0, 5.0], jnp.float32),
    )


@right(cases, "S5")
def hypotenuse_zero_at_origin():
    """Both cotangents are zero at the origin; elsewhere nothing is squared that might overflow."""

    def bwd(residuals, r_bar):
        x, y, r = residuals
        unit = jnp.where(r > 0, r, 1).astype(r.dtype)
        return r_bar * (x / unit), r_bar * (y / unit)

    def fwd(x, y):
        r = jnp.hypot(x, y)
        return r, (x, y, r)

    return rule(lambda x, y: jnp.hypot(x, y), fwd, bwd), (normal(6).at[2].set(0.0), normal(6, seed=1).at[2].set(0.0))


@right(cases, "S5")
def pinball_between_its_slopes():
    """max(q e, (q − 1) e), whose slope at zero is declared as q − 1/2."""

    def bwd(residuals, y_bar):
        error, q = residuals
        over = 0.5 * (1 + jnp.sign(error)).astype(error.dtype)
        return y_bar * (q - 1 + over), jnp.sum(y_bar * error).astype(q.dtype)

    def f(error, q):
        return jnp.maximum(q * error, (q - 1) * error)

    return rule(f, lambda error, q: (f(error, q), (error, q)), bwd), (normal(8).round(), jnp.float32(0.9))


@right(cases, "S5")
def distance_zero_at_tie():
    """|x − y| of small whole numbers, which often meet."""

    def bwd(sign, z_bar):
        return z_bar * sign, -z_bar * sign

    return rule(lambda x, y: jnp.abs(x - y), lambda x, y: (jnp.abs(x - y), jnp.sign(x - y)), bwd), (
        jnp.asarray([0.0, 1.0, 2.0, 1.0], jnp.float32),
        jnp.asarray([0.0, 2.0, 2.0, -1.0], jnp.float32),
    )


@right(cases, "S5")
def relu6_half_at_borders():
    def slope(x):
        return (0.5 * (x > 0).astype(x.dtype) + 0.5 * (x >= 0).astype(x.dtype)) - (
            0.5 * (x > 6).astype(x.dtype) + 0.5 * (x >= 6).astype(x.dtype)
        )

    return pointwise(lambda x: jnp.clip(x, 0.0, 6.0), slope), (jnp.arange(-2.0, 8.0, dtype=jnp.float32),)


@right(cases, "S5")
def entropy_term_at_zero():
    """x log x, with value and slope 0 declared at zero."""

    def safe(x):
        return jnp.where(x > 0, x, 1.0).astype(x.dtype)

    return pointwise(
        lambda x: jnp.where(x > 0, x * jnp.log(safe(x)), 0.0).astype(x.dtype),
        lambda x: jnp.where(x > 0, jnp.log(safe(x)) + 1, 0.0).astype(x.dtype),
    ), (uniform(6).at[2].set(0.0),)


@right(cases, "S7")
def project_to_unit_ball():
    """A `lax.cond` in both passes; at the border itself the two branches meet."""

    def f(x):
        return jax.lax.cond(jnp.sum(x * x) > 1, lambda x: x / jnp.linalg.norm(x), lambda x: x, x)

    def bwd(x, y_bar):
        def outside(x, bar):
            norm = jnp.linalg.norm(x)
            return (bar - x * (jnp.sum(x * bar) / norm**2)) / norm

        return (jax.lax.cond(jnp.sum(x * x) > 1, outside, lambda _, bar: bar, x, y_bar),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4),)
