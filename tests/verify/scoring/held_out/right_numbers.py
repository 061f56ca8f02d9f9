"""Right rules of linear algebra, geometry and probability."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, right, rule, uniform, wide

cases: list[Case] = []


def like(bars, args):
    """Cotangents summed to their arguments' shapes, in their arguments' dtypes."""

    def one(bar, arg):
        bar = jnp.sum(bar, axis=tuple(range(bar.ndim - arg.ndim)))
        spread = tuple(i for i, n in enumerate(arg.shape) if n == 1 and bar.shape[i] != 1)
        return jnp.sum(bar, axis=spread, keepdims=True).astype(arg.dtype)

    return tuple(one(bar, arg) for bar, arg in zip(bars, args, strict=True))


@right(cases, "S9")
def ridge_regression():
    """(aᵀ a + 1)⁻¹ aᵀ b, for tall and for wide a."""

    def normal_matrix(a):
        return a.T @ a + jnp.eye(a.shape[1], dtype=a.dtype)

    def f(a, b):
        (_,) = b.shape
        return jnp.linalg.solve(normal_matrix(wide(a)), wide(a).T @ wide(b)).astype(a.dtype)

    def bwd(args, x_bar):
        a, b = map(wide, args)
        x = jnp.linalg.solve(normal_matrix(a), a.T @ b)
        w = jnp.linalg.solve(normal_matrix(a), wide(x_bar))
        return like((jnp.outer(b - a @ x, w) - jnp.outer(a @ w, x), a @ w), args)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6, 3), normal(6, seed=1))


@right(cases, "S2")
def gram_log_determinant():
    """log det(1 + aᵀ a) from the Cholesky factor, which is kept."""

    def factor(a):
        _, n = a.shape
        return jnp.linalg.cholesky(a.T @ a + jnp.eye(n, dtype=a.dtype))

    def f(a):
        return 2 * jnp.sum(jnp.log(jnp.diagonal(factor(wide(a))))).astype(a.dtype)

    def fwd(a):
        low = factor(wide(a))
        return 2 * jnp.sum(jnp.log(jnp.diagonal(low))).astype(a.dtype), (a, low)

    def bwd(kept, bar):
        a, low = kept
        return ((2 * wide(bar) * jax.scipy.linalg.cho_solve((low, True), wide(a).T).T).astype(a.dtype),)

    return rule(f, fwd, bwd), (normal(5, 3),)


def dot(u, v):
    return jnp.sum(u * v, axis=-1, keepdims=True)


@right(cases, "S3")
def rotate_by_quaternion_of_any_length():
    """q v q*, a rotation times the square of the quaternion's length; zero is allowed."""

    def f(q, v):
        w, u, v, dtype = wide(q)[..., :1], wide(q)[..., 1:], wide(v), v.dtype
        return ((w * w - dot(u, u)) * v + 2 * dot(u, v) * u + 2 * w * jnp.cross(u, v)).astype(dtype)

    def bwd(args, bar):
        q, v, bar = wide(args[0]), wide(args[1]), wide(bar)
        w, u = q[..., :1], q[..., 1:]
        w_bar = 2 * w * dot(v, bar) + 2 * dot(jnp.cross(u, v), bar)
        u_bar = 2 * (dot(u, v) * bar + dot(u, bar) * v - dot(v, bar) * u + w * jnp.cross(v, bar))
        v_bar = (w * w - dot(u, u)) * bar + 2 * dot(u, bar) * u - 2 * w * jnp.cross(u, bar)
        return like((jnp.concatenate([w_bar, u_bar], axis=-1), v_bar), args)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(5, 4), normal(5, 3, seed=1))


@right(cases, "S5")
def distance_to_a_box():
    """From points to the box |x| ≤ half; no gradient inside."""

    def outside(p, half):
        beyond = jnp.maximum(jnp.abs(p) - half.reshape((1,) * (p.ndim - 1) + half.shape), 0)
        square = dot(beyond, beyond)
        away = square > 0
        return beyond, away, jnp.sqrt(jnp.where(away, square, 1))

    def f(p, half):
        _, away, length = outside(wide(p), wide(half))
        return jnp.where(away, length, 0)[..., 0].astype(p.dtype)

    def bwd(args, bar):
        p, half = map(wide, args)
        beyond, away, length = outside(p, half)
        back = jnp.where(away, wide(bar)[..., None] * beyond / length, 0)
        return like((back * jnp.sign(p), -back), args)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(8, 3), uniform(3, low=0.3, high=0.8, seed=1))


@right(cases, "S5")
def cone_projection():
    """The nearest point (v, t) with |v| ≤ t: itself, the tip, or one on the cone's surface."""

    def parts(v, t):
        square = dot(v, v)
        length = jnp.where(square > 0, jnp.sqrt(jnp.where(square > 0, square, 1)), 0)
        return length, length <= t, length <= -t

    def f(v, t):
        v, t, dtype = wide(v), wide(t)[..., None], v.dtype
        length, inside, polar = parts(v, t)
        half = 0.5 * (length + t)
        unit = v / jnp.where(length > 0, length, 1)
        moved = jnp.where(inside, v, jnp.where(polar, 0, half * unit))
        return moved.astype(dtype), jnp.where(inside, t, jnp.where(polar, 0, half))[..., 0].astype(dtype)

    def bwd(args, bars):
        v, t = wide(args[0]), wide(args[1])[..., None]
        v_bar, t_bar = wide(bars[0]), wide(bars[1])[..., None]
        length, inside, polar = parts(v, t)
        safe = jnp.where(length > 0, length, 1)
        unit = v / safe
        along = dot(unit, v_bar)
        on_v = 0.5 * (v_bar + t / safe * (v_bar - along * unit) + t_bar * unit)
        on_t = 0.5 * (along + t_bar)
        back_v = jnp.where(inside, v_bar, jnp.where(polar, 0, on_v))
        back_t = jnp.where(inside, t_bar, jnp.where(polar, 0, on_t))
        return like((back_v, back_t[..., 0]), args)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(8, 3), normal(8, seed=1))


@right(cases, "S5")
def wrapped_angle_difference():
    """a − b brought to between −π and π: slopes ±1, and jumps between."""

    def f(a, b):
        turn = wide(a) - wide(b)
        return (turn - 2 * jnp.pi * jnp.round(turn / (2 * jnp.pi))).astype(a.dtype)

    return rule(f, lambda *args: (f(*args), args), lambda args, bar: like((bar, -bar), args)), (
        normal(4, 6),
        normal(4, 6, seed=1),
    )


@right(cases, "S3")
def gaussian_mixture_log_density():
    """Of points, from logits, means and log-widths of its parts."""

    def terms(x, logits, means, log_widths):
        z = (x[:, None] - means[None, :]) * jnp.exp(-log_widths)[None, :]
        return (jax.nn.log_softmax(logits) - log_widths)[None, :] - 0.5 * z * z, z

    def f(x, *parts):
        return jax.nn.logsumexp(terms(wide(x), *jnp.stack([wide(part) for part in parts]))[0], axis=-1).astype(x.dtype)

    def bwd(args, bar):
        x, logits, means, log_widths = map(wide, args)
        scores, z = terms(x, logits, means, log_widths)
        share = wide(bar)[:, None] * jax.nn.softmax(scores, axis=-1)
        z = jnp.where(share == 0, 0, z)  # z² may be infinite where the share is nothing
        pull = share * z * jnp.exp(-log_widths)[None, :]
        reached = jnp.sum(share, axis=0)
        logits_bar = reached - jax.nn.softmax(logits) * jnp.sum(reached)
        bars = -jnp.sum(pull, axis=1), logits_bar, jnp.sum(pull, axis=0), jnp.sum(share * (z * z - 1), axis=0)
        return like(bars, args)

    args = normal(8), normal(3, seed=1), normal(3, seed=2), 0.3 * normal(3, seed=3)
    return rule(f, lambda *args: (f(*args), args), bwd), args


@right(cases, "S6")
def gaussian_kl_by_expm1():
    """KL between Gaussians from means and log-widths; its slope does not cancel where the widths meet."""

    def f(m, a, n, b):
        m, a, n, b, dtype = wide(m), wide(a), wide(n), wide(b), m.dtype
        value = 0.5 * (jnp.expm1(2 * (a - b)) - 2 * (a - b) + (m - n) ** 2 * jnp.exp(-2 * b))
        return value.astype(dtype)

    def bwd(args, bar):
        m, a, n, b = map(wide, args)
        bar, pull = wide(bar), (m - n) * jnp.exp(-2 * b)
        a_bar, m_bar = bar * jnp.expm1(2 * (a - b)), bar * pull
        return like((m_bar, a_bar, -m_bar, -a_bar - m_bar * (m - n)), args)

    return rule(f, lambda *args: (f(*args), args), bwd), tuple(0.5 * normal(4, 3, seed=k) for k in range(4))
