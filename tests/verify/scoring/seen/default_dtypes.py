"""Rules that make arrays of JAX's default dtype, or of float32 whatever comes: for JAX's own settings, without x64."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from tests.helpers.case import Case, normal, rule
from tests.helpers.case import right as right_rule
from tests.helpers.case import wrong as wrong_rule
from tests.helpers.witness import differs, other_dtype

cases: list[Case] = []
right = partial(right_rule, cases, native=True, tolerance=1e-5)
wrong = partial(wrong_rule, cases, native=True)


def of_arguments(f, bwd):
    """A rule that saves its arguments."""
    return rule(f, lambda *args: (f(*args), args), bwd)


def scaled_by_identity():
    return of_arguments(lambda x: 2 * x, lambda _, y_bar: (y_bar @ (2 * jnp.eye(y_bar.shape[-1])),))


@right("S0")
def cotangent_by_eye():
    return scaled_by_identity(), (normal(3, 4),)


@wrong("float32 from eye for a bf16 argument", "S0", other_dtype)
def cotangent_by_eye_of_half_precision():
    return scaled_by_identity(), (normal(3, 4, dtype=jnp.bfloat16),)


@right("S0")
def row_maximum_by_one_hot():
    def bwd(residuals, y_bar):
        (x,) = residuals
        return (y_bar[:, None] * jax.nn.one_hot(jnp.argmax(x, axis=-1), x.shape[-1]),)

    return of_arguments(lambda x: jnp.max(x, axis=-1), bwd), (normal(4, 6),)


def head_with(factor):
    def bwd(residuals, y_bar):
        (x,) = residuals
        return (jnp.zeros(x.shape).at[:2].set(factor * x[:2] * y_bar),)

    return of_arguments(lambda x: jnp.sum(x[:2] ** 2), bwd), (normal(5),)


@right("S0")
def squares_of_the_head_into_zeros():
    return head_with(2.0)


@wrong("a 2 forgotten, into zeros of the default dtype", "S2", differs())
def squares_of_the_head_halved():
    return head_with(1.0)


def running_squares(start, factor):
    f = lambda x: lax.scan(lambda total, a: (total + a * a,) * 2, start(), x)[1]
    return of_arguments(f, lambda residuals, y_bar: (factor * residuals[0] * jnp.cumsum(y_bar[::-1])[::-1],)), (
        normal(6),
    )


@right("S0")
def running_squares_from_a_default_zero():
    """Under x64 the loop's carry changes its dtype, which JAX refuses."""
    return running_squares(lambda: jnp.zeros(()), 2.0)


@wrong("a 2 forgotten, in a loop that refuses float32 under x64", "S2", differs())
def running_squares_from_a_default_zero_halved():
    return running_squares(lambda: jnp.zeros(()), 1.0)


@right("S0")
def running_squares_from_a_single_zero():
    """The loop refuses float64."""
    return running_squares(lambda: jnp.zeros((), jnp.float32), 2.0)


@wrong("a 2 forgotten, in a loop that refuses float64", "S2", differs())
def running_squares_from_a_single_zero_halved():
    return running_squares(lambda: jnp.zeros((), jnp.float32), 1.0)


@right("S0")
def product_with_a_full_array():
    """`lax.mul` takes two arrays of one dtype."""
    f = lambda x: lax.mul(x, jnp.full(x.shape, 3.0))
    return of_arguments(f, lambda _, y_bar: (lax.mul(y_bar, jnp.full(y_bar.shape, 3.0)),)), (normal(6),)
