"""Wrong rules of geometry and physics."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, uniform, wide, wrong
from tests.helpers.witness import differs, doubled, raises, worse_than_autodiff

cases: list[Case] = []


def dot(u, v):
    return jnp.sum(u * v, axis=-1, keepdims=True)


@wrong(cases, "the atom in the middle answers for one arm only", "S2", differs())
def bond_angle_middle_atom_one_arm():
    def angle(u, v):
        across = jnp.cross(u, v)
        return jnp.arctan2(jnp.sqrt(dot(across, across)), dot(u, v))[..., 0]

    def f(a, b, c):
        return angle(a - b, c - b)

    def bwd(kept, bar):
        a, b, c = kept
        u, v, bar = a - b, c - b, bar[..., None]
        across = jnp.cross(u, v)
        across = across / jnp.sqrt(dot(across, across))
        u_bar, v_bar = bar * jnp.cross(u, across) / dot(u, u), -bar * jnp.cross(v, across) / dot(v, v)
        return u_bar, -u_bar, v_bar

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 3), normal(4, 3, seed=1), normal(4, 3, seed=2))


@wrong(cases, "the conjugate multiplies on the wrong side", "S2", differs())
def quaternion_product_wrong_side():
    def times(p, q):
        u, v = p[..., 1:], q[..., 1:]
        real = p[..., :1] * q[..., :1] - dot(u, v)
        return jnp.concatenate([real, p[..., :1] * v + q[..., :1] * u + jnp.cross(u, v)], axis=-1)

    def conjugate(q):
        return jnp.concatenate([q[..., :1], -q[..., 1:]], axis=-1)

    def bwd(kept, y_bar):
        p, q = kept
        return times(y_bar, conjugate(q)), times(y_bar, conjugate(p))

    return rule(times, lambda p, q: (times(p, q), (p, q)), bwd), (normal(4, 4), normal(4, 4, seed=1))


def stretched(r):
    return (jnp.asarray([1.2, 2.0, 2.6, 3.5]),)


@wrong(cases, "the cutoff in the forward pass only", "S3", differs(stretched))
def pair_potential_cut_off_forward_only():
    """Lennard-Jones energy of distances, shifted to zero at 2.5."""

    def f(r):
        inverse = 1 / r**6
        return jnp.where(r < 2.5, 4 * (inverse * inverse - inverse) - 4 * (2.5**-12 - 2.5**-6), 0.0).astype(r.dtype)

    def bwd(r, bar):
        inverse = 1 / r**6
        return (bar * 24 * (inverse - 2 * inverse * inverse) / r,)

    return rule(f, lambda r: (f(r), r), bwd), (uniform(8, low=0.9, high=2.2),)


@wrong(cases, "the offset itself where the nearest image counts", "S2", differs(lambda p: doubled((p,))))
def periodic_distances_unwrapped():
    """Energy of softened distances in a box of side 4."""

    def f(p):
        offset = p[:, None] - p[None, :]
        offset = offset - 4.0 * jnp.round(offset / 4.0)
        return jnp.sum(jnp.sqrt(jnp.sum(offset * offset, axis=-1) + 0.1))

    def bwd(p, bar):
        offset = p[:, None] - p[None, :]
        near = offset - 4.0 * jnp.round(offset / 4.0)
        length = jnp.sqrt(jnp.sum(near * near, axis=-1, keepdims=True) + 0.1)
        return (2 * bar * jnp.sum(offset / length, axis=1),)

    return rule(f, lambda p: (f(p), p), bwd), (uniform(5, 3, high=4.0),)


@wrong(cases, "the slope of the far intersection for the near one", "S2", differs())
def ray_sphere_slope_of_far_hit():
    """Where origin + t · direction first meets the unit sphere; −1 where it does not."""

    def parts(origin, way):
        a, b = jnp.sum(way * way, axis=-1), jnp.sum(origin * way, axis=-1)
        room = b * b - a * (jnp.sum(origin * origin, axis=-1) - 1)
        return a, b, room > 0, jnp.sqrt(jnp.where(room > 0, room, 1.0).astype(room.dtype))

    def f(origin, way):
        a, b, hit, root = parts(origin, way)
        return jnp.where(hit, (-b - root) / a, -1.0).astype(origin.dtype)

    def bwd(kept, bar):
        origin, way = kept
        a, b, hit, root = parts(origin, way)
        t = ((-b + root) / a)[..., None]
        place = origin + t * way
        back = (jnp.where(hit, -bar, 0.0).astype(bar.dtype))[..., None] * place / dot(place, way)
        return back, t * back

    return rule(f, lambda *args: (f(*args), args), bwd), (0.3 * normal(6, 3), normal(6, 3, seed=1))


@wrong(cases, "the foot of the perpendicular is not kept within the segment", "S2", differs())
def segment_distance_on_the_whole_line():
    """Half the square of the distance from points to the segment between two others."""

    def offset(p, a, b, keep):
        a, along = a[None, :], (b - a)[None, :]
        t = keep(dot(p - a, along) / dot(along, along))
        return p - a - t * along, t

    def within(t):
        return jnp.clip(t, 0.0, 1.0)

    def f(p, a, b):
        d = offset(p, a, b, within)[0]
        return 0.5 * jnp.sum(d * d, axis=-1)

    def bwd(kept, bar):
        d, t = offset(*kept, lambda t: t)
        back = bar[..., None] * d
        return back, -jnp.sum((1 - t) * back, axis=0), -jnp.sum(t * back, axis=0)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6, 3), normal(3, seed=1), normal(3, seed=2))


def stacked(pull):
    return lambda points, shift: pull(jnp.stack([points, 2 * points]), shift)


@wrong(cases, "summed over the first axis only: a stack of clouds is refused", "S9", raises(stacked))
def rigid_shift_of_one_cloud():
    """Points [..., 3] turned by a quarter about the third axis and shifted."""
    turn = ((0.0, -1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))

    def f(points, shift):
        return points @ jnp.asarray(turn, points.dtype).T + shift.reshape((1,) * (points.ndim - 1) + (3,))

    def bwd(_, bar):
        return bar @ jnp.asarray(turn, bar.dtype), jnp.sum(bar, axis=0)

    return rule(f, lambda *args: (f(*args), None), bwd), (normal(5, 3), normal(3, seed=1))


@wrong(cases, "cubes of a length overflow in float16 from 41 on", "S6", worse_than_autodiff(lambda d: (d * 60,)))
def inverse_distance_f16_cubes():
    def f(d):
        return jax.lax.rsqrt(jnp.sum(wide(d) ** 2, axis=-1) + 1e-3).astype(d.dtype)

    def fwd(d):
        y = f(d)
        return y, (d, 1 / y)

    def bwd(kept, bar):
        d, length = kept
        return (-(bar / (length * length * length))[..., None] * d,)

    return rule(f, fwd, bwd), (normal(4, 3, dtype=jnp.float16),)
