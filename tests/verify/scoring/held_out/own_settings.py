"""Rules that are meant for JAX's own settings: no double precision, the usual promotion of dtypes."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, like, need, normal, of_rank, ones, right, rule, wrong
from tests.helpers.witness import differs

cases: list[Case] = []
NATIVE = {"native": True, "tolerance": 2e-5}


def single_only(*arrays):
    """The kernel is written for float32."""
    for array in arrays:
        if array.dtype != jnp.float32:
            raise TypeError(f"float32 was expected, not {array.dtype}")


@right(cases, "S0", **NATIVE)
def cayley_turn_with_default_eye():
    """(1 + A)⁻¹ (1 − A) v with A = s − sᵀ; the identity is of the default dtype."""

    def parts(s):
        eye = jnp.eye(len(s))
        return eye + s - s.T, eye - s + s.T

    def f(s, v):
        of_rank(2, s)
        of_rank(1, v)
        need(s.shape == v.shape * 2)
        single_only(s, v)
        plus, minus = parts(s)
        return jnp.linalg.solve(plus, minus @ v)

    def fwd(s, v):
        y = f(s, v)
        return y, (s, v, y)

    def bwd(kept, y_bar):
        s, v, y = kept
        plus, minus = parts(s)
        u = jnp.linalg.solve(plus.T, y_bar)
        a_bar = -jnp.outer(u, v + y)
        return a_bar - a_bar.T, minus.T @ u

    return rule(f, fwd, bwd), (0.3 * normal(3, 3), normal(3, seed=1))


def smoothed(forget: bool):
    """h ← (1 − g) h + g x in float32, from zeros of the default dtype."""

    def forward(x, g):
        of_rank(2, x)
        of_rank(1, g)
        need(x.shape[1:] == g.shape)

        def step(h, x):
            new = ((1 - g) * h + g * x).astype(jnp.float32)
            return new, (h, new)

        return jax.lax.scan(step, jnp.zeros(x.shape[1]), x)[1]

    def fwd(x, g):
        before, y = forward(x, g)
        return y.astype(x.dtype), (x, g, before)

    def bwd(kept, bars):
        x, g, before = kept

        def step(carry, at):
            later, g_bar = carry
            x, h, bar = at
            later = (later + bar).astype(jnp.float32)
            g_bar = (g_bar + later * (x if forget else x - h)).astype(jnp.float32)
            return (((1 - g) * later).astype(jnp.float32), g_bar), g * later

        start = jnp.zeros(x.shape[1]), jnp.zeros(x.shape[1])
        (_, g_bar), x_bar = jax.lax.scan(step, start, (x, before, bars), reverse=True)
        return like((x_bar, g_bar), (x, g))

    args = normal(6, 3), jax.device_put(np.array([0.2, 0.5, 0.7], np.float32))
    return rule(lambda *args: fwd(*args)[0], fwd, bwd), args


@right(cases, "S0", **NATIVE)
def smoothed_series_from_default_zeros():
    return smoothed(forget=False)


@wrong(cases, "the factor's cotangent without the state that it fades", "S2", differs(), native=True)
def smoothed_series_factor_without_state():
    return smoothed(forget=True)


@right(cases, "S0", **NATIVE)
def centre_loss_with_default_one_hot():
    """½ |x − c[label]|² in float32 by a product with one-hot rows."""

    def away(x, centres, labels):
        of_rank(2, x, centres)
        of_rank(1, labels)
        need(x.shape[:1] == labels.shape and x.shape[1:] == centres.shape[1:])
        hot = jax.nn.one_hot(labels, len(centres))
        return hot, jax.lax.sub(x.astype(jnp.float32), hot @ centres.astype(jnp.float32))

    def f(x, centres, labels):
        return (0.5 * jnp.sum(away(x, centres, labels)[1] ** 2, axis=1)).astype(x.dtype)

    def bwd(args, bar):
        x, centres, _ = args
        hot, d = away(*args)
        x_bar = bar.astype(jnp.float32)[:, None] * d
        return *like((x_bar, -hot.T @ x_bar), (x, centres)), None

    args = normal(5, 3), normal(4, 3, seed=1), jnp.asarray([0, 2, 1, 2, 3])
    return rule(f, lambda *args: (f(*args), args), bwd), args


@wrong(cases, "the triangle's own diagonal left out", "S2", differs(), native=True)
def whitening_with_default_eye_strict_triangle():
    """L⁻¹ x of a lower triangle with positive diagonal, through its inverse."""

    def inverse(low):
        return jax.scipy.linalg.solve_triangular(low, jnp.eye(len(low)), lower=True)

    def f(low, x):
        single_only(low, x)
        return inverse(low) @ x

    def fwd(low, x):
        y = f(low, x)
        return y, (low, y)

    def bwd(kept, y_bar):
        low, y = kept
        x_bar = inverse(low).T @ y_bar
        return jnp.tril(-jnp.outer(x_bar, y), -1), x_bar

    low = jnp.tril(normal(3, 3), -1) + jnp.diag(ones(3))
    return rule(f, fwd, bwd), (low, normal(3, seed=1))


TABLE = np.random.default_rng(5).normal(size=(6, 4)).astype(np.float32)


@right(cases, "S6", **NATIVE)
def half_tokens_with_single_positions():
    """bfloat16 tokens plus a float32 table that is closed over, times a bfloat16 gain."""

    def f(x, g):
        of_rank(2, x)
        need(x.shape[1:] == g.shape == TABLE.shape[1:] and len(x) <= len(TABLE))
        return ((x + TABLE[: len(x)]) * g).astype(x.dtype)

    def bwd(args, bar):
        x, g = args
        bar = bar.astype(jnp.float32)
        return like((bar * g, jnp.sum(bar * (x + TABLE[: len(x)]), axis=0)), args)

    args = normal(6, 4, dtype=jnp.bfloat16), ones(4, dtype=jnp.bfloat16)
    return rule(f, lambda *args: (f(*args), args), bwd), args


def half_beside_single(forget: bool):
    """A root-mean-square norm of bfloat16 activations with a float32 gain."""

    def standard(x):
        x = x.astype(jnp.float32)
        root = jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-6)
        return x * root, root

    def f(x, g):
        of_rank(2, x)
        need(x.shape[1:] == g.shape)
        return (standard(x)[0] * g).astype(x.dtype)

    def bwd(args, bar):
        x, g = args
        (u, root), bar = standard(x), bar.astype(jnp.float32)
        u_bar = bar * g
        x_bar = root * (u_bar - u * jnp.mean(u_bar * u, axis=-1, keepdims=True))
        return like((x_bar, jnp.sum(bar * (x if forget else u), axis=0)), args)

    args = 2 * normal(4, 6, dtype=jnp.bfloat16), ones(6)
    return rule(f, lambda *args: (f(*args), args), bwd), args


@right(cases, "S6", **NATIVE)
def half_activations_single_gain():
    return half_beside_single(forget=False)


@wrong(cases, "the float32 gain's cotangent from what is not normalised", "S2", differs(), native=True)
def half_activations_single_gain_unnormalised():
    return half_beside_single(forget=True)
