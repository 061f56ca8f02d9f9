"""P1. XOR, 2-2-2: a training step of a tiny net, inside `fit`'s compiled loop and in everybody else's.

Linear, tanh, linear; the batch is the whole set of four; mean squared error; SGD. NumPy is a from-scratch loop over layers
with forward and backward; the peers step from Python, as their documentation does, and so does `make_step`. What `fit`
gains is the compiled loop; in the other JAX libraries one can write it by hand, as the row "jax.grad in a scan" did. All
start from the same parameters, and must arrive at the same loss.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

import funcnn as fn

from . import _xor_peers
from ._measure import at_least, in_turn, ratio, run_script, seconds, spread, table, title

X = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = jnp.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
RATE = 0.1
MODEL = fn.serial(fn.linear(2), fn.tanh, fn.linear(2))
LOSS, OPTIMIZER = fn.losses.squared_error, optax.sgd(RATE)

FIT, SCAN, STEP = "funcnn fit", "jax.grad in a scan, by hand", "funcnn make_step"
PEERS = {
    "NumPy, from scratch": _xor_peers.numpy,
    "equinox": _xor_peers.equinox,
    "torch": _xor_peers.torch,
    "flax nnx": _xor_peers.flax_nnx,
    "flax linen": _xor_peers.flax_linen,
    "dm-haiku": _xor_peers.haiku,
    "stax": _xor_peers.stax,
}
BARS = {"NumPy, from scratch": 25, "equinox": 80, "torch": 250, "flax nnx": 400}
SAME, FEW, MANY = 1_000, 1_000, 1_000_000  # steps: to the loss that is compared; from Python; in a compiled loop


def fit(state, steps):
    _, history = fn.fit(MODEL, LOSS, OPTIMIZER, (X, Y), epochs=steps, state=state, progress=False)
    return history["loss"][-1]


def make_step(state):
    step = fn.make_step(MODEL, LOSS, OPTIMIZER)
    state = jax.tree.map(jnp.copy, state)  # the first step donates it

    def train(steps):
        nonlocal state
        for _ in range(steps):
            state, metrics = step(state, (X, Y))
        return float(metrics["loss"])

    return train


@partial(jax.jit, static_argnums=1)
def scan(params, steps):
    def loss(params):
        first, _, last = params
        return jnp.mean((jnp.tanh(X @ first["w"] + first["b"]) @ last["w"] + last["b"] - Y) ** 2)

    def step(params, _):
        value, gradient = jax.value_and_grad(loss)(params)
        return jax.tree.map(lambda p, g: p - RATE * g, params, gradient), value

    return jax.lax.scan(step, params, length=steps)[1][-1]


def measure(state, trainers):
    """Microseconds a step; of `fit` what many more steps cost more, so that compiling, which both calls do, is out."""

    def in_fit():
        return (seconds(fit, state, MANY) - seconds(fit, state, SAME)) / (MANY - SAME)

    def in_scan():
        return seconds(lambda: float(scan(state.params, MANY))) / MANY

    scan(state.params, MANY)
    stepped = {name: lambda train=train: seconds(train, FEW) / FEW for name, train in trainers.items()}
    samples = in_turn({FIT: in_fit, SCAN: in_scan, **stepped})
    return {name: [1e6 * s for s in values] for name, values in samples.items()}


def main():
    title(__doc__)
    state = fn.TrainState.create(MODEL, OPTIMIZER, jax.random.key(0), X)
    trainers, missing = {STEP: make_step(state)}, []
    for name, peer in PEERS.items():
        try:
            trainers[name] = peer(state.params, X, Y, RATE)
        except ModuleNotFoundError as error:
            missing.append(f"{name} ({error.name})")

    losses = {FIT: fit(state, SAME), SCAN: float(scan(state.params, SAME))}
    losses |= {name: train(SAME) for name, train in trainers.items()}
    np.testing.assert_allclose(list(losses.values()), losses[FIT], rtol=1e-4, err_msg=str(losses))

    microseconds = measure(state, trainers)
    rows = []
    for name, values in microseconds.items():
        slower = ratio(microseconds, name, FIT)
        verdict = at_least(BARS[name], slower) if name in BARS else ("", f"{slower:.3g}×", "")
        rows.append((name, spread(values), *verdict))
    table(("one step", "µs", "bar", "by fit's", ""), rows)
    print(f"The loss of step {SAME:,} is {losses[FIT]:.6f} in all of them, to 1e-4.")
    print("Missing peers: " + (", ".join(missing) or "none") + ".\n")


if __name__ == "__main__":
    run_script(main)
