"""Arguments that lie in a set: symmetric matrices, the simplex, unit vectors, an interval."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, pointwise, right, rule, uniform, wrong
from tests.helpers.witness import differs, doubled, gap, pullbacks

cases: list[Case] = []


def saving_all(f, bars):
    """A rule that saves its arguments; ``bars(y_bar, *args)`` are their cotangents."""
    return rule(f, lambda *args: (f(*args), args), lambda args, y_bar: bars(y_bar, *args))


def positive_definite(n):
    a = normal(n, n)
    return a @ a.T + n * jnp.eye(n, dtype=a.dtype)


def unit(*shape, seed=0):
    x = normal(*shape, seed=seed)
    return x / jnp.sqrt(jnp.sum(x * x, axis=-1, keepdims=True))


def agrees(point, project):
    """At a point of the set, the projections of rule and autodiff onto its directions agree."""

    def witness(f, *args):
        args = point(*args)
        both = pullbacks([f, f.__wrapped__], args)
        return gap(*([project(a, bar) for a, bar in zip(args, bars, strict=True)] for bars in both)) < 1e-9

    return witness


def exactly(normalised):
    """The example in float64, exactly in the set."""
    return lambda *args: tuple(map(normalised, doubled(args)))


symmetric = lambda _, bar: (bar + bar.T) / 2 if bar.ndim == 2 else bar
centred = lambda _, bar: bar - jnp.mean(bar)
tangent = lambda a, bar: bar - a * jnp.sum(a * bar)
on_sphere = exactly(lambda a: a / jnp.sqrt(jnp.sum(a * a)))
on_simplex = exactly(lambda a: a / jnp.sum(a))
SYMMETRIC = agrees(lambda *args: doubled(args), symmetric)


def log_determinant(a):
    """Cholesky's factor reads the symmetric part."""
    return 2 * jnp.sum(jnp.log(jnp.diagonal(jnp.linalg.cholesky(a))))


def inverse_of_lower(a):
    """The derivative by the lower triangle alone, as LAPACK's users have it."""
    inverse = jnp.linalg.inv(jnp.tril(a) + jnp.tril(a, -1).T)
    return 2 * jnp.tril(inverse) - jnp.diag(jnp.diagonal(inverse))


@right(cases, "S3", SYMMETRIC)
def log_determinant_by_lower_triangle():
    """The cotangent is not symmetric, and its symmetric part is right: nothing but the example says so."""
    return pointwise(log_determinant, inverse_of_lower), (positive_definite(3),)


@wrong(cases, "the diagonal counted twice", "S2", lambda *args: not SYMMETRIC(*args))
def log_determinant_diagonal_twice():
    return pointwise(log_determinant, lambda a: 2 * jnp.tril(jnp.linalg.inv(a))), (positive_definite(3),)


def quadratic(x, a):
    return x @ a @ x


@right(cases, "S3", SYMMETRIC, domain={"a": "symmetric"})
def quadratic_form_of_said_symmetric():
    bars = lambda g, x, a: (2 * g * (a @ x), g * jnp.outer(x, x))
    return saving_all(quadratic, bars), (normal(3), positive_definite(3))


@wrong(cases, "half of the vector's cotangent", "S2", lambda *args: not SYMMETRIC(*args), domain={"a": "symmetric"})
def quadratic_form_halved():
    bars = lambda g, x, a: (g * (a @ x), g * jnp.outer(x, x))
    return saving_all(quadratic, bars), (normal(3), positive_definite(3))


def cosine(u, v):
    return jnp.sum(u * v) / jnp.sqrt(jnp.sum(u * u) * jnp.sum(v * v))


@right(cases, "S3", agrees(on_sphere, tangent), domain={"u": "unit", "v": "unit"})
def cosine_of_unit_vectors():
    return saving_all(cosine, lambda g, u, v: (g * v, g * u)), (unit(3), unit(3, seed=1))


@wrong(
    cases, "the arguments exchanged", "S2", lambda *args: not agrees(on_sphere, tangent)(*args), domain={"u": "unit"}
)
def cosine_exchanged():
    return saving_all(cosine, lambda g, u, v: (g * (v + u[::-1]), g * u)), (unit(3), unit(3, seed=1))


def cross_entropy(x, p):
    return -jnp.sum(p * jax.nn.log_softmax(x))


@right(cases, "S3", agrees(lambda x, p: (*doubled((x,)), *on_simplex(p)), centred), domain={"p": "simplex"})
def cross_entropy_of_probabilities():
    """softmax(x) - p, which is right where p sums to one."""
    bars = lambda g, x, p: (g * (jax.nn.softmax(x) - p), -g * jax.nn.log_softmax(x))
    return saving_all(cross_entropy, bars), (normal(4), jax.nn.softmax(normal(4, seed=1)))


@wrong(cases, "probabilities forgotten", "S2", differs(), domain={"p": "simplex"})
def cross_entropy_without_probabilities():
    bars = lambda g, x, p: (g * jax.nn.softmax(x), -g * jax.nn.log_softmax(x))
    return saving_all(cross_entropy, bars), (normal(4), jax.nn.softmax(normal(4, seed=1)))


def power_law(x):
    return jnp.sign(x) * jnp.abs(x) ** 1.5


@right(cases, "S3", domain={"x": (0, None)})
def power_law_of_positive_numbers():
    """The slope's sign is wrong below 0, where no user goes."""
    return pointwise(power_law, lambda x: 1.5 * jnp.sign(x) * jnp.sqrt(jnp.abs(x))), (uniform(4, low=0.5, high=2),)


def entropy(p):
    return -p * jnp.log(p) - (1 - p) * jnp.log1p(-p)


@wrong(cases, "clipped inside of the interval that is said", "S3", differs(lambda p: (0 * doubled((p,))[0] + 1e-7,)),
       domain={"p": "probability"})  # fmt: skip
def entropy_clipped():
    def slope(p):
        return jnp.log(jnp.maximum(1 - p, 1e-5)) - jnp.log(jnp.maximum(p, 1e-5))

    return pointwise(entropy, slope), (uniform(5, low=0.1, high=0.9),)
