"""Handwritten digits: a dense network, and a convolutional one with batch normalisation, read scans of 8 by 8.

Run: python examples/digits.py
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from matplotlib.figure import Figure
from sklearn.datasets import load_digits

import funcnn as fn

PICTURE = Path(__file__).parent / "pictures" / "digits.png"


def shifted_at_random(params, x, *, key=None, training=False):
    """In training, move each image by up to a pixel in both directions: a layer may be any function of its key."""
    if not training:
        return x
    padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    corners = jax.random.randint(key, (len(x), 2), 0, 3)
    return jax.vmap(lambda image, corner: lax.dynamic_slice(image, (*corner, 0), (8, 8, 1)))(padded, corners)


MODELS = {
    "dense": fn.serial(fn.flatten, fn.linear(256), fn.relu, fn.linear(10)),
    "convolutional": fn.serial(
        fn.Layer(lambda key, x: (), shifted_at_random),
        *(fn.conv(32, (3, 3)), fn.batch_norm(), fn.relu),
        *(fn.conv(64, (3, 3), stride=2), fn.batch_norm(), fn.relu),
        *(fn.conv(64, (3, 3), stride=2), fn.batch_norm(), fn.relu),
        *(fn.flatten, fn.dropout(0.5), fn.linear(10)),
    ),
}
EPOCHS, BATCH = 40, 64
DECAYED = ~fn.paths("**.mean", "**.variance", "**.scale", "**.shift", "**.b")  # the weights alone


def load():
    """Images ``[n, 8, 8, 1]`` from 0 to 1 and their digits, shuffled: four fifths to train on, one to be held out."""
    digits = load_digits()
    images, labels = np.float32(digits.images[..., None] / 16), np.int32(digits.target)
    order = np.random.default_rng(0).permutation(len(labels))
    held_out, kept = np.split(order, [len(labels) // 5])
    return (images[kept], labels[kept]), (images[held_out], labels[held_out])


def train(model, data, held_out):
    """Train with a rate that falls to 0 by the last step, so that the result depends little on when it stops.

    The population statistics of batch normalisation are measured before each validation.
    """
    steps = EPOCHS * -(-len(data[0]) // BATCH)
    optimizer = optax.adamw(optax.cosine_decay_schedule(5e-3, steps), weight_decay=0.1, mask=DECAYED)
    loss = fn.losses.softmax_cross_entropy
    state, history = fn.fit(
        model, loss, optimizer, data, epochs=EPOCHS, batch_size=BATCH, key=jax.random.key(0), validation=held_out
    )
    return state.params, history


def count_weights(params):
    return sum(leaf.size for leaf in jax.tree.leaves(params))


def draw_confusion(axes, labels, read):
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (labels, read), 1)
    axes.imshow(np.log1p(counts), cmap="Blues")  # log counts, so that a single misreading is seen
    for (row, column), count in np.ndenumerate(counts):
        if count:
            axes.text(column, row, count, ha="center", va="center", color="white" if count > 9 else "black", size=8)
    axes.set(title="convolutional, held out", xlabel="read", ylabel="written", xticks=range(10), yticks=range(10))


def draw(histories, images, labels, read):
    """All losses, the convolutional network's confusions, and the first digits that either network misread."""
    figure = Figure(figsize=(10, 7.4), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[9, 5])
    left, right = upper.subplots(1, 2)
    for i, (name, history) in enumerate(histories.items()):
        left.semilogy(history["epoch"], history["loss"], color=f"C{i}", label=f"{name}, trained on")
        left.semilogy(history["epoch"], history["val_loss"], color=f"C{i}", linestyle="--", label=f"{name}, held out")
    left.set(title="loss", xlabel="epoch", ylabel="cross-entropy", xticks=range(0, EPOCHS + 1, 10))
    left.legend()
    draw_confusion(right, labels, read["convolutional"])

    misread = np.flatnonzero(np.any([r != labels for r in read.values()], axis=0))
    lower.suptitle("misread by either network")
    for axes, i in zip(lower.subplots(1, 6), misread, strict=False):
        axes.imshow(images[i, :, :, 0], cmap="gray_r")
        axes.set(xticks=[], yticks=[], title=f"written {labels[i]}")
        axes.set_xlabel("\n".join(f"{name}: {r[i]}" for name, r in read.items()))
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=150)


def main():
    data, (images, labels) = load()
    histories, read, right = {}, {}, {}
    for name, model in MODELS.items():
        params, histories[name] = train(model, data, (images, labels))
        loss = histories[name]["loss"]
        read[name] = np.argmax(model.apply(params, images), axis=-1)
        right[name] = np.mean(read[name] == labels)
        print(
            f"{name}, {count_weights(params):,} weights: {right[name]:.1%} of {len(labels)} held-out digits right, "
            f"{np.sum(read[name] != labels)} misread; loss {loss[0]:.3f} -> {loss[-1]:.4f}"
        )
    draw(histories, images, labels, read)
    print(f"Picture: {PICTURE}")

    assert right["dense"] >= 0.97, right
    assert right["convolutional"] >= 0.985, right


if __name__ == "__main__":
    main()
