"""A traced program is walked in order, with all that lies inside its equations, and runs as it did under a hook."""

import jax
import jax.numpy as jnp
import numpy as np

from funcnn.verify.programs._evaluate import bind, called, equations, evaluate, inner
from funcnn.verify.programs._facts import extent, facts


@jax.jit
def _halved(x):
    return jnp.where(x > 1, x / 2, x)


def _function(x):
    def step(carry, x):
        return carry + _halved(x), carry

    total, sums = jax.lax.scan(step, jnp.zeros(()), x)
    return jnp.cos(total) * 3.5, sums


X = jnp.linspace(0.0, 2.0, 5)
PROGRAM = jax.make_jaxpr(_function)(X)


def test_every_equation_is_met_after_the_one_that_holds_it():
    met = dict(equations(PROGRAM.jaxpr))
    assert {"scan", "jit", "div", "cos"} <= {e.primitive.name for e in met.values()}
    for path, equation in met.items():
        jaxpr = PROGRAM.jaxpr
        for i, j in zip(path[:-1:2], path[1::2], strict=True):
            jaxpr = inner(jaxpr.eqns[i])[j]
        assert jaxpr.eqns[path[-1]] is equation
    assert list(met) == sorted(met)


def test_a_program_runs_as_its_function_does():
    names = []

    def step(i, equation, operands):
        names.append((i, equation.primitive.name))
        return bind(equation, operands)

    for got, expected in zip(evaluate(PROGRAM, [X], step), _function(X), strict=True):
        np.testing.assert_array_equal(got, expected)
    assert names == [(path[0], e.primitive.name) for path, e in equations(PROGRAM.jaxpr, lambda e: ())]


def test_a_hook_changes_a_result():
    """The cosine's place is taken by 1, also where the program is called by another."""
    program = jax.make_jaxpr(jax.jit(_function))(X)

    def step(_, equation, operands):
        body = called(equation)
        if body is not None:
            return evaluate(body, operands, step)
        return [1.0] if equation.primitive.name == "cos" else bind(equation, operands)

    assert evaluate(program, [X], step)[0] == 3.5


def test_operands_may_carry_more_than_their_values():
    """Here the number of equations between them and the arguments; a literal has none."""

    def step(_, equation, operands):
        values, depths = zip(*operands, strict=True)
        return [(value, 1 + max(depths)) for value in bind(equation, values)]

    program = jax.make_jaxpr(lambda x: jnp.sin(jnp.sin(2.0 * x)))(1.0)
    assert evaluate(program, [(1.0, 0)], step, lambda value: (value, 0))[0][1] == 3


def test_facts_lie_in_inner_programs_too():
    assert facts([PROGRAM]).constants == (1.0, 2.0, 3.5)
    assert not facts([PROGRAM]).unbounded
    count, largest = extent(PROGRAM)
    assert count == len(list(equations(PROGRAM.jaxpr))) > len(PROGRAM.jaxpr.eqns)
    assert largest == X.size


def test_a_loop_that_counts_no_steps_is_unbounded():
    until_small = jax.make_jaxpr(lambda x: jax.lax.while_loop(lambda x: x > 1e-3, lambda x: x / 2, x))(1.0)
    counted = jax.make_jaxpr(lambda x: jax.lax.fori_loop(0, jnp.int32(3), lambda _, x: x / 2, x))(1.0)
    assert facts([until_small]).unbounded
    assert not facts([counted]).unbounded
