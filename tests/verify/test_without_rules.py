"""Every rule is taken out at any depth, nothing stale is met, and outside nothing is changed."""

import threading

import jax
import jax.numpy as jnp
import pytest
from jax import lax
from jax.experimental.ode import odeint
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

import funcnn as fn
from funcnn.verify import without_rules


@jax.custom_vjp
def lying_sin(x):
    """sin, whose rule says that its derivative is 100."""
    return jnp.sin(x)


lying_sin.defvjp(lambda x: (jnp.sin(x), None), lambda _, y_bar: (100.0 * y_bar,))


@jax.custom_vjp
def outer(x):
    """A rule whose bare function calls a rule."""
    return lying_sin(x) * 2.0


outer.defvjp(lambda x: (outer(x), None), lambda _, y_bar: (7.0 * y_bar,))


@jax.custom_jvp
def lying_cos(x):
    return jnp.cos(x)


lying_cos.defjvp(lambda primals, tangents: (jnp.cos(*primals), 50.0 * tangents[0]))

cached = jax.jit(lambda x: lying_sin(x) * 1.0)


@jax.jit
def deep(x):
    return jax.checkpoint(lambda x: lax.cond(x > 0, lambda x: jax.vmap(lying_sin)(x[None])[0], jnp.cos, x))(x)


def while_loop(x):
    """Forward only: a while loop has no backward pass."""
    return lax.while_loop(lambda c: c[0] < 1, lambda c: (c[0] + 1, lying_cos(c[1])), (0, x))[1]


def sharded(x):
    mesh = jax.make_mesh((1,), ("i",), axis_types=(AxisType.Auto,))
    return jax.shard_map(lying_sin, mesh=mesh, in_specs=P(), out_specs=P())(x)


REVERSE = {
    "itself": (lying_sin, jnp.cos),
    "jit": (jax.jit(lying_sin), jnp.cos),
    "jit traced before": (cached, jnp.cos),
    "scan": (lambda x: lax.scan(lambda c, _: (lying_sin(c), None), x, None, length=1)[0], jnp.cos),
    "scan over a closure": (lambda x: lax.scan(lambda c, _: (c + lying_sin(x), None), 0.0, None, length=3)[0],
                            lambda x: 3 * jnp.cos(x)),
    "jit, remat, cond, vmap": (deep, jnp.cos),
    "shard_map": (sharded, jnp.cos),
    "fori_loop": (lambda x: lax.fori_loop(0, 1, lambda i, c: lying_sin(c), x), jnp.cos),
    "rule in a rule": (outer, lambda x: 2 * jnp.cos(x)),
    "custom_jvp": (lying_cos, lambda x: -jnp.sin(x)),
    "grad inside": (lambda x: jax.grad(lying_sin)(x), lambda x: -jnp.sin(x)),
}  # fmt: skip


@pytest.mark.parametrize("name", REVERSE)
def test_the_gradient_is_plain_autodiff(name):
    f, derivative = REVERSE[name]
    x = jnp.array(0.7)
    lie = float(jax.grad(f)(x))
    assert float(jax.grad(without_rules(f))(x)) == pytest.approx(float(derivative(x)), rel=1e-14)
    assert float(jax.jit(jax.grad(without_rules(f)))(x)) == pytest.approx(float(derivative(x)), rel=1e-14)
    assert float(jax.grad(f)(x)) == lie != pytest.approx(float(derivative(x)))


def test_forward_mode_works_through_it():
    x = jnp.array(0.7)
    with pytest.raises(TypeError, match="custom_vjp"):
        jax.jvp(lying_sin, (x,), (x,))
    assert float(jax.jvp(without_rules(lying_sin), (x,), (1.0 + 0 * x,))[1]) == pytest.approx(float(jnp.cos(x)))
    assert float(jax.jvp(without_rules(while_loop), (x,), (1.0 + 0 * x,))[1]) == pytest.approx(-float(jnp.sin(x)))
    assert float(jax.hessian(without_rules(lying_sin))(x)) == pytest.approx(-float(jnp.sin(x)))


def test_nothing_is_patched_outside_even_after_an_error():
    call = jax.custom_vjp.__call__

    def failing(x):
        assert jax.custom_vjp.__call__ is not call
        raise RuntimeError(lying_sin(x))

    with pytest.raises(RuntimeError):
        without_rules(failing)(0.5)
    assert jax.custom_vjp.__call__ is call


def test_another_thread_keeps_its_rules():
    inside, done, seen = threading.Event(), threading.Event(), []

    def slow(x):
        inside.set()
        assert done.wait(60)
        return lying_sin(x)

    def other():
        inside.wait(60)
        seen.append(float(jax.grad(lying_sin)(0.7)))
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    mine = float(jax.grad(without_rules(slow))(0.7))
    thread.join()
    assert seen == [100.0]
    assert mine == pytest.approx(float(jnp.cos(0.7)))


def test_arguments_pass_through_by_name_and_by_default():
    x = jnp.array([0.5, -0.5])
    assert jnp.allclose(without_rules(fn.leaky_relu)(x, negative_slope=0.5), jnp.array([0.5, -0.25]))
    assert jnp.allclose(without_rules(fn.leaky_relu)(x), jnp.array([0.5, -0.005]))


# JAX's own rules: the function, and its slope at 0 by the rule and by autodiff of its bare function.
JAXS = {
    "softplus": (jax.nn.softplus, 0.5, 0.0),
    "log_sigmoid": (jax.nn.log_sigmoid, 0.5, 0.0),
    "logaddexp": (lambda x: jnp.logaddexp(x, 0.0), 0.5, 0.0),
    "relu": (jax.nn.relu, 0.0, 0.5),
    "relu6": (jax.nn.relu6, 0.0, 0.5),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", JAXS)
def test_the_rules_that_jax_ships_are_a_part_of_autodiff(name):
    f, slope, bare_slope = JAXS[name]
    zero, one = jnp.zeros(()), jnp.ones(())
    for transform in (lambda f: f, jax.jit, jax.checkpoint):
        assert float(jax.grad(without_rules(transform(f)))(zero)) == slope
        assert float(jax.jvp(without_rules(transform(f)), (zero,), (one,))[1]) == slope
        assert float(jax.grad(without_rules(transform(f), everything=True))(zero)) == bare_slope


def jvp_of_tanh():
    rule = jax.custom_jvp(jnp.tanh)
    rule.defjvp(lambda primals, tangents: (jnp.tanh(*primals), 7.0 * tangents[0]))
    return rule


def jvps_of_tanh():
    rule = jax.custom_jvp(jnp.tanh)
    rule.defjvps(lambda x_dot, y, x: 7.0 * x_dot)
    return rule


def vjp_of_tanh():
    rule = jax.custom_vjp(jax.jit(jnp.tanh))
    rule.defvjp(lambda x: (jnp.tanh(x), None), lambda _, y_bar: (7.0 * y_bar,))
    return rule


def gradient_of_tanh():
    return jax.custom_gradient(lambda x: (jnp.tanh(x), lambda y_bar: 7.0 * y_bar))


YOURS = [jvp_of_tanh, jvps_of_tanh, vjp_of_tanh, gradient_of_tanh]


@pytest.mark.parametrize("make", YOURS)
def test_a_rule_of_yours_over_a_function_of_jaxs_is_taken_out(make):
    f, x = make(), jnp.zeros(())
    assert float(jax.grad(f)(x)) == 7.0
    assert float(jax.grad(without_rules(f))(x)) == 1.0


@pytest.mark.slow
def test_a_rule_of_yours_inside_one_of_jaxs_is_taken_out_of_its_passes_too():
    """The backward pass of odeint, a rule of JAX's, differentiates the field, which is yours."""
    ts = jnp.array([0.0, 1.0])
    f, true = (lambda x, field=field: odeint(lambda y, t: -field(y), x, ts)[-1] for field in (vjp_of_tanh(), jnp.tanh))
    x, one = jnp.ones(()), jnp.ones(())
    expected = float(jax.grad(true)(x))
    assert float(jax.grad(f)(x)) != pytest.approx(expected, rel=0.1)
    for gradient in (jax.grad(without_rules(f)), jax.grad(jax.jit(without_rules(f)))):
        assert float(gradient(x)) == pytest.approx(expected, rel=1e-12)
    for everything in (False, True):  # JAX's own rule is a VJP, and has no forward mode
        y_dot = jax.jvp(without_rules(f, everything=everything), (x,), (one,))[1]
        assert float(y_dot) == pytest.approx(expected, rel=1e-5)
