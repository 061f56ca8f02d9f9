"""What the probes of a step tell, beside `jax.grad`."""

import jax
import jax.numpy as jnp
import numpy as np

import funcnn as fn
from funcnn._paths import dotted

NORM, NONFINITE = "gradient_norm.", "nonfinite_"


def require_probes(model, loss, optimizer, batch, key):
    """Raise unless each layer's norm is that of its leaves' gradients, each leaf is in one, and all is finite."""
    state = fn.TrainState.create(model, optimizer, key, batch[0])
    _, metrics = fn.make_step(model, loss, optimizer, probes=True, donate=False)(state, batch)
    gradient = jax.jit(jax.grad(lambda params: loss(model.apply(params, batch[0]), *batch[1:])))(state.params)
    squares = {dotted(path): jnp.vdot(a, a) for path, a in jax.tree_util.tree_leaves_with_path(gradient)}
    layers = {path.rpartition(".")[0] for path in squares}
    assert {name.removeprefix(NORM) for name in metrics if name.startswith(NORM)} == layers
    for layer in layers:
        norm = sum(square for path, square in squares.items() if path.rpartition(".")[0] == layer) ** 0.5
        assert norm > 0
        np.testing.assert_allclose(metrics[NORM + layer], norm, rtol=1e-5, err_msg=layer)
    told = {name: float(value) for name, value in metrics.items() if name.startswith(NONFINITE)}
    assert told
    assert not any(told.values()), told
