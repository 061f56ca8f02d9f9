"""The XOR net in other libraries, each as its own documentation trains a model: a compiled step, called from Python.

``peer(params, x, y, rate)`` takes the parameters of funcnn's ``serial(linear(2), tanh, linear(2))`` and returns
``train(steps)``. That goes on from where it stopped, and returns the loss of its last step.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from . import _from_scratch


def numpy(params, x, y, rate):
    net = _from_scratch.mlp(params)
    loss, optimizer = _from_scratch.SquaredError("mean"), _from_scratch.SGD(rate)
    x, y = np.array(x, np.float64), np.array(y, np.float64)

    def train(steps):
        for _ in range(steps):
            value = _from_scratch.step(net, loss, optimizer, x, y)
        return value

    return train


def equinox(params, x, y, rate):
    import equinox as eqx

    keys = jax.random.split(jax.random.key(0))
    layers = [eqx.nn.Linear(2, 2, key=key) for key in keys]
    for i, p in enumerate((params[0], params[2])):
        layers[i] = eqx.tree_at(lambda layer: (layer.weight, layer.bias), layers[i], (p["w"].T, p["b"]))
    model = eqx.nn.Sequential([layers[0], eqx.nn.Lambda(jnp.tanh), layers[1]])
    optimizer = optax.sgd(rate)
    opt_state = optimizer.init(eqx.filter(model, eqx.is_array))

    def mean_squared_error(model, x, y):
        return jnp.mean((jax.vmap(model)(x) - y) ** 2)

    @eqx.filter_jit
    def step(model, opt_state, x, y):
        value, gradient = eqx.filter_value_and_grad(mean_squared_error)(model, x, y)
        updates, opt_state = optimizer.update(gradient, opt_state, eqx.filter(model, eqx.is_array))
        return eqx.apply_updates(model, updates), opt_state, value

    return _stepping(step, model, opt_state, x, y)


def torch(params, x, y, rate):
    import torch

    first, last = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    with torch.no_grad():
        for layer, p in ((first, params[0]), (last, params[2])):
            layer.weight.copy_(torch.tensor(np.array(p["w"].T)))
            layer.bias.copy_(torch.tensor(np.array(p["b"])))
    model = torch.nn.Sequential(first, torch.nn.Tanh(), last)
    loss, optimizer = torch.nn.MSELoss(), torch.optim.SGD(model.parameters(), lr=rate)
    x, y = torch.tensor(np.array(x)), torch.tensor(np.array(y))

    def train(steps):
        for _ in range(steps):
            optimizer.zero_grad()
            value = loss(model(x), y)
            value.backward()
            optimizer.step()
        return value.item()

    return train


def flax_nnx(params, x, y, rate):
    from flax import nnx

    model = nnx.Sequential(nnx.Linear(2, 2, rngs=nnx.Rngs(0)), jnp.tanh, nnx.Linear(2, 2, rngs=nnx.Rngs(0)))
    for i in (0, 2):
        model.layers[i].kernel[...], model.layers[i].bias[...] = params[i]["w"], params[i]["b"]
    optimizer = nnx.Optimizer(model, optax.sgd(rate), wrt=nnx.Param)

    @nnx.jit
    def step(model, optimizer, x, y):
        value, gradient = nnx.value_and_grad(lambda model: jnp.mean((model(x) - y) ** 2))(model)
        optimizer.update(model, gradient)
        return value

    def train(steps):
        for _ in range(steps):
            value = step(model, optimizer, x, y)
        return float(value)

    return train


def flax_linen(params, x, y, rate):
    from flax import linen

    model = linen.Sequential([linen.Dense(2), jnp.tanh, linen.Dense(2)])
    names = list(model.init(jax.random.key(0), x)["params"])
    layers = [{"kernel": p["w"], "bias": p["b"]} for p in (params[0], params[2])]
    return _optax(model.apply, {"params": dict(zip(names, layers, strict=True))}, x, y, rate)


def haiku(params, x, y, rate):
    import haiku as hk

    net = hk.without_apply_rng(hk.transform(lambda x: hk.Sequential([hk.Linear(2), jnp.tanh, hk.Linear(2)])(x)))
    names = list(net.init(jax.random.key(0), x))
    return _optax(net.apply, dict(zip(names, (params[0], params[2]), strict=True)), x, y, rate)


def stax(params, x, y, rate):
    from jax.example_libraries import optimizers, stax

    _, apply = stax.serial(stax.Dense(2), stax.Tanh, stax.Dense(2))
    start, update, current = optimizers.sgd(rate)
    state = start([(params[0]["w"], params[0]["b"]), (), (params[2]["w"], params[2]["b"])])

    @jax.jit
    def step(i, state, x, y):
        value, gradient = jax.value_and_grad(lambda p: jnp.mean((apply(p, x) - y) ** 2))(current(state))
        return i + 1, update(i, gradient, state), value

    return _stepping(step, 0, state, x, y)


def _optax(apply, params, x, y, rate):
    optimizer = optax.sgd(rate)

    @jax.jit
    def step(params, opt_state, x, y):
        value, gradient = jax.value_and_grad(lambda p: jnp.mean((apply(p, x) - y) ** 2))(params)
        updates, opt_state = optimizer.update(gradient, opt_state)
        return optax.apply_updates(params, updates), opt_state, value

    return _stepping(step, params, optimizer.init(params), x, y)


def _stepping(step, model, opt_state, x, y):
    def train(steps):
        nonlocal model, opt_state
        for _ in range(steps):
            model, opt_state, value = step(model, opt_state, x, y)
        return float(value)

    return train
