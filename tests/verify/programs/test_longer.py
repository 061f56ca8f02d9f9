"""Loops that end once a number is small go on, and loops that count do not."""

import jax
import jax.numpy as jnp
import pytest

from funcnn.verify.programs._facts import facts
from funcnn.verify.programs._longer import longer


def until_small(x):
    """Halved until it is below 0.01."""
    return jax.lax.while_loop(lambda y: jnp.any(y > 1e-2), lambda y: y / 2, x)


def until_steady(x):
    """The same, with the end found in the body and read off a flag."""

    def once(carry):
        y, _, rounds = carry
        return y / 2, jnp.max(jnp.abs(y)) <= 2e-2 * jnp.maximum(jnp.max(jnp.abs(x)), 1.0), rounds + 1

    going = lambda carry: ~carry[1] & (carry[2] < 100)
    return jax.lax.while_loop(going, once, (x, jnp.asarray(False), 0))[0]


def in_a_scan(x):
    return jax.lax.scan(lambda y, _: (until_small(y) + 1, None), x, length=1)[0] - 1


def in_a_cond(x):
    return jax.lax.cond(x > 0, until_small, lambda x: x, x)


def counted(x):
    return jax.lax.fori_loop(0, jnp.int32(3), lambda _, y: y / 2, x)


@pytest.mark.parametrize(
    ("f", "factor"),
    [
        (until_small, 2.0**-5),
        (until_steady, 2.0**-5),
        (lambda x: jax.jit(until_small)(x) + 0, 2.0**-5),
        (in_a_scan, 2.0**-5),
        (in_a_cond, 2.0**-5),
        (counted, 1.0),
        (jnp.sin, 1.0),
    ],
)
def test_a_loop_goes_on_for_some_rounds(f, factor):
    x = jnp.float32(1.0)
    (y,) = longer(jax.make_jaxpr(f)(x), [x], 5)
    assert y == f(x) * factor


def test_the_facts_tell_an_iteration_and_its_tolerance():
    of = lambda f: facts([jax.make_jaxpr(f)(jnp.float32(1.0))])
    assert (of(until_small).iterates, of(until_small).finest) == (True, pytest.approx(1e-2))
    assert (of(until_steady).iterates, of(until_steady).finest) == (True, pytest.approx(2e-2))
    assert (of(counted).iterates, of(counted).finest) == (False, float("inf"))
