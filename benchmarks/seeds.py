"""P8. Many at once: `vmap` over seeds trains 64 XOR nets in the time of a few.

One net is `TrainState.create` and a scan over `make_step`, under `jit`; sixty-four are the same function under `vmap`.
Each of them must end where the same seed ends when trained alone.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

import funcnn as fn

from ._measure import at_most, in_turn, ratio, run_script, seconds, spread, table, title

NETS, STEPS = 64, 20_000
X = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = jnp.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
MODEL, OPTIMIZER = fn.serial(fn.linear(2), fn.tanh, fn.linear(2)), optax.sgd(0.1)


def train(key):
    """The loss of the last step, from a key."""
    step = fn.make_step(MODEL, fn.losses.squared_error, OPTIMIZER)
    state = fn.TrainState.create(MODEL, OPTIMIZER, key, X)
    _, metrics = jax.lax.scan(lambda state, _: step(state, (X, Y)), state, length=STEPS)
    return metrics["loss"][-1]


def main():
    title(__doc__)
    keys = jax.random.split(jax.random.key(0), NETS)
    one, many = jax.jit(train), jax.jit(jax.vmap(train))
    np.testing.assert_allclose(many(keys), [one(key) for key in keys], rtol=1e-4, atol=1e-9)

    alone, together = "one net", f"{NETS} nets"
    samples = in_turn(
        {
            alone: lambda: 1e3 * seconds(lambda: one(keys[0]).block_until_ready()),
            together: lambda: 1e3 * seconds(lambda: many(keys).block_until_ready()),
        },
        rounds=15,
    )
    rows = [
        (alone, spread(samples[alone], 1), "", "", ""),
        (together, spread(samples[together], 1), *at_most(8, ratio(samples, together, alone))),
    ]
    table((f"{STEPS:,} steps", "ms", "bar", "measured", ""), rows)
    learned = int((many(keys) < 0.01).sum())
    print(f"Each net's loss is that of its seed trained alone, to 1e-4; {learned} of {NETS} learned XOR.\n")


if __name__ == "__main__":
    run_script(main)
