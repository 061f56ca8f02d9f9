"""Two heads with two losses: one trunk learns which digit was written, and how much ink it took.

The loss returns its parts beside their sum, so that the history shows each; a metric looks at one head alone.

Run: python examples/two_heads.py
"""

import jax
import numpy as np
import optax
from sklearn.datasets import load_digits

import funcnn as fn

MODEL = fn.serial(
    trunk=fn.serial(fn.flatten, fn.linear(128), fn.relu, fn.linear(64), fn.relu),
    heads=fn.parallel(digit=fn.linear(10), ink=fn.serial(fn.linear(1), lambda y: y[..., 0])),
)
EPOCHS, BATCH = 30, 32


def load():
    """Images ``[n, 8, 8]`` from 0 to 1, their digits, and their ink, the mean of the pixels; a fifth is held out."""
    digits = load_digits()
    images, labels = np.float32(digits.images / 16), np.int32(digits.target)
    order = np.random.default_rng(0).permutation(len(labels))
    held_out, kept = np.split(order, [len(labels) // 5])
    data = images, labels, images.mean((1, 2))
    return tuple(a[kept] for a in data), tuple(a[held_out] for a in data)


def loss(prediction, labels, ink):
    digit = fn.losses.softmax_cross_entropy(prediction["digit"], labels)
    stroke = fn.losses.squared_error(prediction["ink"], ink)
    return digit + 10 * stroke, {"digit": digit, "ink": stroke}


def accuracy(prediction, labels, ink):
    return (prediction["digit"].argmax(-1) == labels).sum(), len(labels)


def main():
    data, held_out = load()
    steps = EPOCHS * -(-len(data[0]) // BATCH)
    _, history = fn.fit(
        MODEL, loss, optax.adam(optax.cosine_decay_schedule(3e-3, steps)), data, epochs=EPOCHS, batch_size=BATCH,
        key=jax.random.key(0), validation=held_out, metrics={"accuracy": accuracy},
    )  # fmt: skip
    last = {name: history[f"val_{name}"][-1] for name in ("accuracy", "digit", "ink")}
    spread = held_out[2].std()
    print(
        f"Held out: {last['accuracy']:.1%} of {len(held_out[1])} digits right, cross-entropy {last['digit']:.3f}; "
        f"ink to within {np.sqrt(last['ink']):.4f}, of a spread of {spread:.4f}."
    )
    assert last["accuracy"] >= 0.96, last
    assert np.sqrt(last["ink"]) < spread / 2, last


if __name__ == "__main__":
    main()
