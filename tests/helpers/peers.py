"""A module of each other library, and what that library does with the parameters of the layer that is made of it.

A file of its own, because importing these libraries takes seconds: it is imported by the tests that need it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen, nnx

import funcnn as fn

KEY = jax.random.key(0)
X = jnp.asarray(np.random.default_rng(0).normal(size=(24, 3)) * 3 + 2)
Y = jnp.sin(X.sum(-1, keepdims=True))


class Linen(linen.Module):
    rate: float = 0.0

    @linen.compact
    def __call__(self, x, train):
        x = linen.Dense(4, param_dtype=float)(x)
        x = linen.Dropout(self.rate, deterministic=not train)(x)
        x = linen.BatchNorm(use_running_average=not train, param_dtype=float)(x)
        return linen.Dense(1, param_dtype=float)(jnp.tanh(x))


class Nnx(nnx.Module):
    def __init__(self, rate=0.0, *, rngs):
        self.dense = nnx.Linear(3, 4, rngs=rngs)
        self.dropout = nnx.Dropout(rate, rngs=rngs)
        self.norm = nnx.BatchNorm(4, rngs=rngs)
        self.head = nnx.List([nnx.Linear(4, 1, rngs=rngs)])

    def __call__(self, x):
        return self.head[0](jnp.tanh(self.norm(self.dropout(self.dense(x)))))


class Equinox(eqx.Module):
    dense: Any
    dropout: Any
    norm: Any
    head: Any
    after: Any  # its path is the first by the alphabet, and it is the last by the order of the fields
    activation: Callable

    def __init__(self, rate=0.0, mode="batch", *, key):
        keys = jax.random.split(key)
        self.dense = eqx.nn.Linear(3, 4, key=keys[0])
        self.dropout = eqx.nn.Dropout(rate)
        self.norm = eqx.nn.BatchNorm(4, "batch", mode=mode)
        self.head = eqx.nn.Linear(4, 1, key=keys[1])
        self.after = eqx.nn.BatchNorm(1, "batch", mode=mode)
        self.activation = lambda x: jnp.tanh(x)  # another function in each module

    def __call__(self, x, state, key=None):
        x, state = self.norm(self.dropout(self.dense(x), key=key), state)
        return self.after(self.head(self.activation(x)), state)


def haiku(rate=0.0):
    def f(x, is_training):
        x = hk.Linear(4)(x)
        if is_training and rate:
            x = hk.dropout(hk.next_rng_key(), rate, x)
        x = hk.BatchNorm(True, True, 0.9)(x, is_training)
        return hk.Linear(1)(jnp.tanh(x))

    return f


class Peer(NamedTuple):
    """A module of another library, and what that library does with the parameters of the layer made of it.

    Attributes:
      make: from the rate of dropout, the layer.
      train: ``train(params, x, key, rate) -> y``, in training.
      evaluate: ``evaluate(params, x) -> y``.
      dtype: in which it is compared.
      tolerance: of its sums in another order.
    """

    make: Callable
    train: Callable
    evaluate: Callable
    dtype: Any = float
    tolerance: float = 1e-12

    @property
    def x(self):
        return X.astype(self.dtype)

    @property
    def y(self):
        return Y.astype(self.dtype)


def of_equinox(mode):
    make = lambda rate: lambda key: eqx.nn.make_with_state(Equinox)(rate, mode, key=key)

    def train(params, x, key, rate):
        net, state = fn.interop.to_equinox(make(rate), params)
        over = jax.vmap(lambda x, key: net(x, state, key=key), out_axes=(0, None), axis_name="batch")
        return over(x, jax.random.split(key, len(x)))[0]

    def evaluate(params, x):
        net, state = fn.interop.to_equinox(make(0.0), params)
        return jax.vmap(lambda x: eqx.nn.inference_mode(net)(x, state)[0], axis_name="batch")(x)

    return Peer(lambda rate: fn.interop.from_equinox(make(rate)), train, evaluate)


def of_linen():
    def train(params, x, key, rate):
        variables = fn.interop.to_flax(Linen(rate), params)
        return Linen(rate).apply(variables, x, True, rngs=key, mutable=["batch_stats"])[0]

    evaluate = lambda params, x: Linen().apply(fn.interop.to_flax(Linen(), params), x, False)
    return Peer(lambda rate: fn.interop.from_flax(Linen(rate)), train, evaluate)


def of_nnx():
    def net(params, rate, key=KEY):
        net = fn.interop.to_flax(lambda rngs: Nnx(rate, rngs=rngs), params)
        net.dropout.rngs.key.set_value(jax.random.fold_in(key, 1))  # its count is the first of the random state
        return net

    def evaluate(params, x):
        module = net(params, 0.0)
        module.eval()
        return module(x)

    train = lambda params, x, key, rate: net(params, rate, key)(x)
    make = lambda rate: fn.interop.from_flax(lambda rngs: Nnx(rate, rngs=rngs))
    return Peer(make, train, evaluate, jnp.float32, 1e-6)  # its statistics are float32 always


def of_haiku():
    def own(params, x, rate, *args):
        variables = fn.interop.to_haiku(haiku(rate), params, x)
        return hk.transform_with_state(haiku(rate)).apply(*variables, *args)[0]

    train = lambda params, x, key, rate: own(params, x, rate, key, x, True)
    evaluate = lambda params, x: own(params, x, 0.0, None, x, False)
    return Peer(lambda rate: fn.interop.from_haiku(haiku(rate)), train, evaluate)


PEERS = {"linen": of_linen(), "nnx": of_nnx(), "equinox": of_equinox("batch"), "haiku": of_haiku()}


class Cached(linen.Module):
    @linen.compact
    def __call__(self, x):
        self.variable("cache", "last", lambda: x)
        return x


class WithIntegers(eqx.Module):
    table: Any

    def __init__(self, *, key):
        self.table = jnp.arange(3)

    def __call__(self, x):
        return x[self.table]
