"""Held out: right rules that are easily taken for wrong ones."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, from_output, normal, pointwise, right, rule, uniform
from tests.helpers.witness import nonlinear

from .determinism import erf_on_host

cases: list[Case] = []


def wide(x):
    """At least float32."""
    return x.astype(jnp.float32) if x.dtype.itemsize < 4 else x


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


@right(cases, "S9")
def median_of_any_length():
    """The two middle entries share the cotangent; they are one entry where the length is odd."""

    def f(x):
        return jnp.median(x)

    def bwd(x, y_bar):
        order = jnp.argsort(x)
        low, high = order[(len(x) - 1) // 2], order[len(x) // 2]
        return (jnp.zeros_like(x).at[low].add(0.5 * y_bar).at[high].add(0.5 * y_bar),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(8),)


@right(cases, "S5")
def entropy_term_at_zero():
    """x log x, with value and slope 0 declared at zero."""

    def safe(x):
        return jnp.where(x > 0, x, 1.0).astype(x.dtype)

    return pointwise(
        lambda x: jnp.where(x > 0, x * jnp.log(safe(x)), 0.0).astype(x.dtype),
        lambda x: jnp.where(x > 0, jnp.log(safe(x)) + 1, 0.0).astype(x.dtype),
    ), (uniform(6).at[2].set(0.0),)


@right(cases, "S3")
def masked_softmax_empty_row():
    """A row with nothing unmasked is zero, and so is its cotangent."""

    def f(x, mask):
        y = jax.nn.softmax(jnp.where(mask, x, -1e30).astype(x.dtype), axis=-1)
        return jnp.where(mask, y, 0.0).astype(x.dtype)

    def bwd(y, y_bar):
        return y * (y_bar - jnp.sum(y * y_bar, axis=-1, keepdims=True)), None

    mask = jnp.asarray([[True, True, False], [False, False, False]])
    return rule(f, lambda x, mask: (f(x, mask), f(x, mask)), bwd), (normal(2, 3), mask)


@right(cases, "S6")
def softmax_f16_wide_inside():
    def f(x):
        return jax.nn.softmax(wide(x)).astype(x.dtype)

    def bwd(x, y_bar):
        y, bar = jax.nn.softmax(wide(x)), wide(y_bar)
        return ((y * (bar - jnp.sum(y * bar))).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(6, dtype=jnp.float16),)


@right(cases, "S6")
def mixed_matmul_two_dtypes():
    """A bf16 input and a float32 weight: each cotangent in its own argument's dtype."""

    def product(a, b):
        return jnp.matmul(a, b, precision="highest")

    def f(x, weight):
        return product(x.astype(weight.dtype), weight)

    def bwd(residuals, y_bar):
        x, weight = residuals
        return product(y_bar, weight.T).astype(x.dtype), product(x.astype(weight.dtype).T, y_bar)

    return rule(f, lambda x, w: (f(x, w), (x, w)), bwd), (normal(4, 6, dtype=jnp.bfloat16), normal(6, 3, seed=1))


@right(cases, "S2")
def cholesky_factor():
    """By Φ, the lower triangle with half the diagonal; symmetric, as JAX's own is."""

    def f(a):
        return jnp.linalg.cholesky(a)

    def bwd(lower, bar):
        phi = jnp.tril(lower.T @ bar)
        phi = phi - 0.5 * jnp.diag(jnp.diag(phi))
        half = jnp.linalg.solve(lower.T, jnp.linalg.solve(lower.T, phi.T).T)
        return (0.5 * (half + half.T),)

    root = normal(3, 3)
    return rule(f, lambda a: (f(a), f(a)), bwd), (root @ root.T + jnp.eye(3, dtype=root.dtype),)


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


@right(cases, "S0")
def max_and_its_place():
    """An integer output beside a float one: its cotangent arrives as float0 and is left alone."""

    def f(x):
        return jnp.max(x), jnp.argmax(x)

    def fwd(x):
        top, place = f(x)
        return (top, place), (x, place)

    def bwd(residuals, bars):
        x, place = residuals
        return (jnp.zeros_like(x).at[place].set(bars[0]),)

    return rule(f, fwd, bwd), (normal(6),)


@right(cases, "S0")
def sine_with_a_log():
    """Notes in a list outside that it was called; nothing of it is read again."""
    calls = []

    def bwd(x, y_bar):
        calls.append("backward")
        return (y_bar * jnp.cos(x),)

    return rule(lambda x: jnp.sin(x), lambda x: (jnp.sin(x), x), bwd), (normal(4, 6),)


@right(cases, "S4", truth=jax.lax.erf)
def erf_by_callback_right():
    """The value comes from the host and has no autodiff; the slope is right."""
    return pointwise(erf_on_host, lambda x: jnp.exp(-x * x) * float(2 / np.sqrt(np.pi))), (normal(6),)


@right(cases, "S4", truth=lambda x: x ** (1 / 3))
def cube_root_by_bisection():
    """Autodiff of a bisection sees the bracket and not the root: it is no judge of the right slope."""

    def f(x):
        def halve(_, bracket):
            low, high = bracket
            middle = 0.5 * (low + high)
            below = middle**3 < x
            return jnp.where(below, middle, low), jnp.where(below, high, middle)

        low, high = jax.lax.fori_loop(0, 60, halve, (jnp.zeros_like(x), jnp.full_like(x, 8.0)))
        return 0.5 * (low + high)

    return from_output(f, lambda y: 1 / (3 * y * y)), (uniform(6, low=0.5, high=4.0),)


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


@right(cases, "S1", nonlinear(), surrogate=True)
def clip_gradient():
    """The cotangent is clipped on purpose."""
    return rule(lambda x: x, lambda x: (x, None), lambda _, y_bar: (jnp.clip(y_bar, -1.0, 1.0),)), (normal(4, 6),)


@right(cases, "S2", surrogate=True, truth=lambda x: jnp.clip(x, -1.0, 1.0))
def sign_straight_through():
    """The sign of a number, with the slope of a hard tanh."""
    return pointwise(lambda x: jnp.sign(x), lambda x: (jnp.abs(x) < 1).astype(x.dtype)), (normal(4, 6),)
