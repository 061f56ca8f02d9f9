"""Wrong rules of rotations, distances, rays, polygons and potentials."""

import jax.numpy as jnp

from tests.helpers.case import Case, normal, ones, rule, wide, wrong
from tests.helpers.witness import differs

cases: list[Case] = []


def conjugate(q):
    return jnp.concatenate([q[:, :1], -q[:, 1:]], axis=-1)


def hamilton(p, q):
    """The product of quaternions, real part first."""
    a, b = p[:, :1], q[:, :1]
    u, v = p[:, 1:], q[:, 1:]
    return jnp.concatenate(
        [a * b - jnp.sum(u * v, axis=-1, keepdims=True), a * v + b * u + jnp.cross(u, v)],
        axis=-1,
    )


@wrong(cases, "inverse for transpose: right for unit quaternions only", "S3", differs())
def quaternion_inverse_for_transpose():
    """q v q*, with no normalisation of q."""

    def pure(v):
        return jnp.pad(v, ((0, 0), (1, 0)))

    def f(q, v):
        return hamilton(hamilton(q, pure(v)), conjugate(q))[:, 1:]

    def bwd(residuals, y_bar):
        q, v = residuals
        inverse = conjugate(q) / jnp.sum(q * q, axis=-1, keepdims=True)
        return 2 * hamilton(hamilton(pure(y_bar), q), pure(-v)), f(inverse, y_bar)

    q = normal(4, 4)
    return rule(f, lambda q, v: (f(q, v), (q, v)), bwd), (
        q / jnp.linalg.norm(q, axis=-1, keepdims=True),
        normal(4, 3, seed=1),
    )


@wrong(cases, "squares multiplied out: cancels far from the origin", "S3", differs(lambda x: (x + 1e3,)))
def pairwise_distance_multiplied_out():
    """Softened distances between all rows."""

    def f(x):
        apart = x[:, None] - x[None, :]
        return jnp.sqrt(jnp.sum(apart * apart, axis=-1) + 1e-4)

    def bwd(x, y_bar):
        squares = jnp.sum(x * x, axis=-1)
        apart = squares[:, None] + squares[None, :] - 2 * x @ x.T
        pull = (y_bar + y_bar.T) / jnp.sqrt(jnp.maximum(apart, 0.0) + 1e-4)
        return (jnp.sum(pull, axis=1)[:, None] * x - pull @ x,)

    return rule(f, lambda x: (f(x), x), bwd), (normal(5, 3),)


@wrong(cases, "the azimuth divided by the radius instead of the distance from the axis", "S2", differs())
def spherical_azimuth_by_radius():
    def f(point):
        x, y, z = point.T
        rho = jnp.hypot(x, y)
        return {"radius": jnp.hypot(rho, z), "polar": jnp.arctan2(rho, z), "azimuth": jnp.arctan2(y, x)}

    def bwd(point, bars):
        x, y, z = point.T
        rho = jnp.hypot(x, y)
        r = jnp.hypot(rho, z)
        outwards = bars["radius"] * rho / r + bars["polar"] * z / r**2
        around = bars["azimuth"] / r**2
        x_bar, y_bar = outwards * x / rho - around * y, outwards * y / rho + around * x
        return (jnp.stack([x_bar, y_bar, bars["radius"] * z / r - bars["polar"] * rho / r**2], axis=-1),)

    return rule(f, lambda point: (f(point), point), bwd), (normal(5, 3),)


def one_ray_along(origin, direction, plane, offset):
    return origin, direction.at[1].set(jnp.asarray([1.0, 0.0, 0.0], direction.dtype)), plane, offset


@wrong(cases, "NaN for a ray along the plane, where the function is guarded", "S3", differs(one_ray_along))
def ray_plane_unguarded():
    """How far along each ray a plane is met; zero where it never is."""

    def f(origin, direction, plane, offset):
        facing = direction @ plane
        met = jnp.abs(facing) > 1e-6
        return jnp.where(met, (offset - origin @ plane) / jnp.where(met, facing, 1.0), 0.0).astype(origin.dtype)

    def bwd(residuals, t_bar):
        origin, direction, plane, offset = residuals
        facing = direction @ plane
        t = (offset - origin @ plane) / facing
        bar = t_bar / facing
        return (
            -bar[:, None] * plane[None, :],
            -(bar * t)[:, None] * plane[None, :],
            -bar @ (origin + t[:, None] * direction),
            jnp.sum(bar),
        )

    return rule(f, lambda *args: (f(*args), args), bwd), (
        normal(4, 3),
        normal(4, 3, seed=1),
        jnp.asarray([0.0, 0.0, 1.0], jnp.float32),
        jnp.float32(0.0),
    )


@wrong(cases, "the edge that closes the polygon is left out", "S2", differs())
def polygon_area_open():
    """The signed area of a polygon, by the shoelace formula."""

    def f(corners):
        x, y = corners.T
        return 0.5 * jnp.sum(x * jnp.roll(y, -1) - jnp.roll(x, -1) * y)

    def bwd(corners, area_bar):
        x, y = jnp.pad(corners, ((1, 1), (0, 0))).T
        return (0.5 * area_bar * jnp.stack([y[2:] - y[:-2], x[:-2] - x[2:]], axis=-1),)

    return rule(f, lambda corners: (f(corners), corners), bwd), (normal(6, 2),)


@wrong(cases, "a softening length 5 % longer in the backward pass", "S3", differs(lambda x, m: (0.01 * x, m)))
def gravity_other_softening():
    """The energy of bodies that attract each other."""

    def pairs(x, softening):
        apart = x[:, None] - x[None, :]
        others = 1 - jnp.eye(len(x), dtype=x.dtype)
        return apart, others * (jnp.sum(apart * apart, axis=-1) + softening**2) ** -0.5

    def f(x, mass):
        return -0.5 * mass @ pairs(x, 0.01)[1] @ mass

    def bwd(residuals, energy_bar):
        x, mass = residuals
        apart, near = pairs(x, 0.0105)
        force = jnp.einsum("i,j,ij,ijd->id", mass, mass, near**3, apart)
        return energy_bar * force, -energy_bar * (near @ mass)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(5, 3), ones(5))


@wrong(
    cases,
    "an epsilon that vanishes in float16: NaN on the diagonal",
    "S6",
    differs(lambda x: (x.astype(jnp.float16),)),
)
def exponential_kernel_small_epsilon():
    """exp(−distance) between all rows, in float32 inside."""

    def kernel(x):
        apart = x[:, None] - x[None, :]
        distance = jnp.sqrt(jnp.sum(apart * apart, axis=-1) + 1e-8)
        return apart, distance, jnp.exp(-distance)

    def f(x):
        return kernel(wide(x))[2].astype(x.dtype)

    def bwd(x, y_bar):
        apart, distance, y = kernel(x)
        pull = -(y_bar + y_bar.T) * y / distance
        return (jnp.sum(pull[..., None] * apart, axis=1),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(5, 3),)
