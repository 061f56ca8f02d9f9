"""A program of more than thirty rules, one in every kind of place that a program has, any one of them made wrong."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

FAULTS = {
    "factor": lambda x_bar, s_bar: (x_bar * jnp.asarray(1.001, x_bar.dtype), s_bar),
    "one element": lambda x_bar, s_bar: (x_bar.at[(0,) * x_bar.ndim].multiply(2), s_bar),
    "zero": lambda x_bar, s_bar: (jnp.zeros_like(x_bar), s_bar),
    "NaN": lambda x_bar, s_bar: (x_bar * jnp.asarray(jnp.nan, x_bar.dtype), s_bar),
    "dtype": lambda x_bar, s_bar: (x_bar.astype(jnp.float64), s_bar),
    "one argument": lambda x_bar, s_bar: (x_bar, s_bar * jnp.asarray(1.01, s_bar.dtype)),
}
HALF_FAULTS = [fault for fault in FAULTS if fault not in ("factor", "one argument")]  # bfloat16 has two digits


def _value(x, params, *rest):
    return jnp.tanh(x) * params["scale"].reshape((1,) * x.ndim)


def make_rule(name, fault=None):
    """tanh(x) times a parameter, and whatever else it is handed: integers, keys."""

    def bwd(residuals, y_bar):
        x, params, rest = residuals
        t, scale = jnp.tanh(x), params["scale"].reshape((1,) * x.ndim)
        x_bar, s_bar = y_bar * scale * (1 - t * t), jnp.sum(y_bar * t).reshape(params["scale"].shape)
        x_bar, s_bar = FAULTS[fault](x_bar, s_bar) if fault else (x_bar, s_bar)
        return x_bar, {"scale": s_bar}, *(None for _ in rest)

    rule = jax.custom_vjp(_value)
    rule.defvjp(lambda x, params, *rest: (_value(x, params), (x, params, rest)), bwd)
    rule.__name__ = name
    return rule


def _scale(x):
    return {"scale": jnp.ones((), x.dtype)}


def _in_bare(rule, x):
    outer = jax.custom_vjp(lambda x: rule(x, _scale(x)) + x)
    outer.defvjp(lambda x: (jnp.tanh(x) + x, x), lambda x, g: (g * (2 - jnp.tanh(x) ** 2),))  # fmt: skip
    return outer(x)


def _in_fwd(rule, x):
    def fwd(x):
        return jax.vjp(lambda x: rule(x, _scale(x)), x)

    outer = jax.custom_vjp(jnp.tanh)
    outer.defvjp(fwd, lambda pull, g: pull(g))
    return outer(x)


def _in_bwd(rule, x):
    def bwd(x, g):
        return jax.vjp(lambda x: rule(x, _scale(x)), x)[1](g)

    outer = jax.custom_vjp(jnp.tanh)
    outer.defvjp(lambda x: (jnp.tanh(x), x), bwd)
    return outer(x)


def _in_custom_jvp(rule, x):
    outer = jax.custom_jvp(lambda x: rule(x, _scale(x)))
    outer.defjvp(lambda p, t: (jnp.tanh(*p), t[0] * (1 - jnp.tanh(*p) ** 2)))  # fmt: skip
    return outer(x)


def _sharded(rule, x):
    mesh = jax.make_mesh((2,), ("i",), axis_types=(AxisType.Auto,))
    local = lambda x: rule(x, {"scale": 1 + 0 * x[0, 0]})
    return jax.shard_map(local, mesh=mesh, in_specs=P("i"), out_specs=P("i"))(x)


def _of_parameters(rule, x):
    params = {"scale": jnp.full((), 0.5, x.dtype)}
    return rule(x, params)


def _twice(rule, x):
    once = jax.jit(lambda x: rule(x, _scale(x)))
    return once(once(x))


def _by_keyword(rule, x):
    return rule(x, params=_scale(x))


PLACES = {
    "itself": lambda rule, x: rule(x, _scale(x)),
    "jit": jax.jit(lambda rule, x: rule(x, _scale(x)), static_argnums=0),
    "jit in jit": lambda rule, x: jax.jit(jax.jit(lambda x: rule(x, _scale(x))))(x),
    "scan, of its carry": lambda rule, x: lax.scan(lambda c, _: (rule(c, _scale(c)), None), x, None, length=2)[0],
    "scan, of its inputs": lambda rule, x: lax.scan(lambda c, v: (c, rule(v, _scale(v))), None, x)[1],
    "scan, of a closure": lambda rule, x: lax.scan(lambda c, _: (c + rule(x, _scale(x)), None), x, None, length=2)[0],
    "scan in scan": lambda rule, x: lax.scan(
        lambda c, _: lax.scan(lambda c, _: (rule(c, _scale(c)), None), c, None, length=2), x, None, length=2)[0],
    "map": lambda rule, x: lax.map(lambda v: rule(v, _scale(v)), x),
    "fori_loop": lambda rule, x: lax.fori_loop(0, 2, lambda i, c: rule(c, _scale(c)), x),
    "cond": lambda rule, x: lax.cond(x[0, 0] < 9, lambda x: rule(x, _scale(x)), lambda x: x, x),
    "switch": lambda rule, x: lax.switch(jnp.int32(1), [lambda x: x, lambda x: rule(x, _scale(x))], x),
    "remat": lambda rule, x: jax.checkpoint(lambda x: rule(x, _scale(x)))(x),
    "remat in scan": lambda rule, x: lax.scan(
        jax.checkpoint(lambda c, _: (rule(c, _scale(c)), None)), x, None, length=2)[0],
    "vmap": lambda rule, x: jax.vmap(lambda v: rule(v, _scale(v)))(x),
    "vmap of vmap": lambda rule, x: jax.vmap(jax.vmap(lambda v: rule(v, _scale(v))))(x),
    "vmap of scan": lambda rule, x: jax.vmap(
        lambda v: lax.scan(lambda c, _: (rule(c, _scale(c)), None), v, None, length=2)[0])(x),
    "shard_map": _sharded,
    "bare function of a rule": _in_bare,
    "forward pass of a rule": _in_fwd,
    "backward pass of a rule": _in_bwd,
    "custom_jvp": _in_custom_jvp,
    "grad inside": lambda rule, x: jax.grad(lambda x: jnp.sum(rule(x, _scale(x))))(x),
    "vjp inside": lambda rule, x: jax.vjp(lambda x: rule(x, _scale(x)), x)[1](x)[0],
    "a parameter": _of_parameters,
    "by keyword": _by_keyword,
    "a key": lambda rule, x: rule(x, _scale(x), jax.random.key(1)),
    "integers": lambda rule, x: rule(x, _scale(x), jnp.arange(3), None, True),
    "indices": lambda rule, x: x + rule(x, _scale(x))[jnp.array([0, 0, 1, 3])],
    "a tree": lambda rule, x: jax.tree.map(lambda v: rule(v, _scale(v)), {"a": (x, None)})["a"][0],
    "jit called twice": _twice,
    "two of one line": lambda rule, x: x + rule(x, _scale(x)) * rule(x, _scale(x)),
    "zero weight": lambda rule, x: x + 0 * rule(x, _scale(x)),
    "behind a mean": lambda rule, x: x + jnp.mean(rule(x, _scale(x))).reshape(1, 1),
}  # fmt: skip


def make_program(places=tuple(PLACES), wrong=None, fault=None):
    """Some places one after another, the rule of each right but at ``wrong``."""
    rules = {name: make_rule(name.replace(" ", "_"), fault if name == wrong else None) for name in places}

    def program(x):
        for name in places:
            x = PLACES[name](rules[name], x + jnp.asarray(0.1, x.dtype))
        return jnp.sum(x)

    return program


def then_forward_only(program):
    """The program with a wrong rule in a while loop, which has no backward pass, hence needs none."""
    unreached = make_rule("unreached", "zero")

    def longer(x):
        step = lambda c: (c[0] + 1, unreached(c[1], _scale(x)))
        return program(x) + jnp.sum(lax.while_loop(lambda c: c[0] < 2, step, (0, lax.stop_gradient(x)))[1])

    return longer


def example(seed, dtype):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(4, 3)), dtype)
