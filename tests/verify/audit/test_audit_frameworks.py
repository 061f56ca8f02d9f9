"""audit reads models of flax, equinox and haiku: it names the user's wrong rule where the user's module calls it."""

import linecache

import equinox as eqx
import flax.linen as nn
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

from funcnn.verify import audit

pytestmark = pytest.mark.slow

X = jnp.asarray(np.random.default_rng(0).normal(size=(4, 3)), jnp.float32)


@pytest.fixture(autouse=True)
def _as_the_libraries_need():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def make_activation(factor):
    @jax.custom_vjp
    def activation(x):
        return jnp.tanh(x)

    activation.defvjp(lambda x: (jnp.tanh(x), jnp.tanh(x)), lambda y, y_bar: (y_bar * (1 - y * y) * factor,))
    return activation


def linen_model(activation):
    class Block(nn.Module):
        @nn.compact
        def __call__(self, x, _):
            return activation(nn.Dense(3, param_dtype=jnp.float32)(x)), None

    class Model(nn.Module):
        @nn.compact
        def __call__(self, x):
            blocks = nn.scan(Block, variable_axes={"params": 0}, split_rngs={"params": True}, length=2)
            return nn.Dense(2)(blocks()(x, None)[0])

    model = Model()
    return lambda params: jnp.mean(jax.jit(model.apply)(params, X) ** 2), model.init(jax.random.key(0), X)


def nnx_model(activation):
    class Block(nnx.Module):
        def __init__(self, rngs):
            self.linear = nnx.Linear(3, 3, rngs=rngs)

        def __call__(self, x):
            return activation(self.linear(x))

    graph, state = nnx.split(Block(nnx.Rngs(0)))
    model = jax.jit(lambda state, x: lax.scan(lambda x, _: (nnx.merge(graph, state)(x), None), x, None, length=2)[0])
    return lambda state: jnp.mean(model(state, X) ** 2), state


def equinox_model(activation):
    class Model(eqx.Module):
        mlp: eqx.nn.MLP

        def __call__(self, x):
            return lax.scan(lambda x, _: (jax.vmap(self.mlp)(activation(x)), None), x, None, length=2)[0]

    model = Model(eqx.nn.MLP(3, 3, 4, 1, activation=jax.nn.relu, dtype=jnp.float32, key=jax.random.key(0)))
    return lambda model: jnp.mean(eqx.filter_jit(model)(X) ** 2), model


def haiku_model(activation):
    class Block(hk.Module):
        def __call__(self, x):
            linear = hk.Linear(3)
            return hk.scan(lambda x, _: (activation(linear(x)), None), linear(x), None, length=2)[0]

    model = hk.without_apply_rng(hk.transform(lambda x: Block()(x)))
    return lambda params: jnp.mean(jax.jit(model.apply)(params, X) ** 2), model.init(jax.random.key(0), X)


MODELS = [linen_model, nnx_model, equinox_model, haiku_model]


@pytest.mark.parametrize("make", MODELS)
def test_the_wrong_rule_is_named_in_the_users_module(make):
    report = audit(*make(make_activation(1.001)))
    ((name, file, line),) = {(row.name, row.file, row.line) for row in report.rows if row.status == "fail"}
    assert (name, file) == ("activation", __file__)
    assert "activation(" in linecache.getline(file, line)
    assert make.__code__.co_firstlineno < line < make.__code__.co_firstlineno + 20


@pytest.mark.parametrize("make", MODELS)
def test_a_right_model_has_no_finding(make):
    report = audit(*make(make_activation(1.0)))
    assert report.ok, str(report)
    assert {row.status for row in report.rows} == {"pass"}
