"""Four devices of one machine: parameters, optimizer and batches divided over them, with the numbers of one device.

A laptop's processor stands for four devices. The same lines train on four GPUs, and with `fn.distributed()` first on
several machines.

Run: python examples/four_devices.py
"""

import jax
import numpy as np
import optax
from jax.sharding import AxisType
from sklearn.datasets import load_digits

import funcnn as fn

jax.config.update("jax_num_cpu_devices", 4)

digits = load_digits()
DATA = np.float32(digits.images.reshape(-1, 64) / 16), np.int32(digits.target)
MODEL = fn.serial(fn.linear(256), fn.layer_norm(), fn.relu, fn.linear(10))
OPTIMIZER = optax.adam(1e-3)


def train(**where):
    options = {"epochs": 3, "batch_size": 64, "key": jax.random.key(0), "metrics": {"accuracy": fn.metrics.accuracy}}
    return fn.fit(MODEL, fn.losses.softmax_cross_entropy, OPTIMIZER, DATA, **options, **where)


def megabytes(state):
    """What the first device holds of parameters and optimizer state."""
    parts = [leaf.addressable_shards[0].data for leaf in jax.tree.leaves((state.params, state.opt_state))]
    return sum(part.nbytes for part in parts) / 2**20


def main():
    mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Auto,))
    one, on_one = train()
    four, on_four = train(mesh=mesh, sharding=fn.fsdp(min_size=256))
    for name, state, history in (("one device", one, on_one), ("four devices", four, on_four)):
        loss, accuracy = history["loss"][-1], history["accuracy"][-1]
        print(f"{name}: loss {loss:.4f}, accuracy {accuracy:.1%}, {megabytes(state):.2f} MiB a device")

    assert on_four["accuracy"][-1] >= 0.9
    np.testing.assert_allclose(on_four["loss"], on_one["loss"], rtol=1e-4)
    assert megabytes(four) < megabytes(one) / 3.9


if __name__ == "__main__":
    main()
