"""Fashion-MNIST: a convolutional network with batch normalisation tells ten kinds of clothes apart, on the CPU.

The data are Debian's package dataset-fashion-mnist (``apt install dataset-fashion-mnist``), or the same four files from
https://github.com/zalandoresearch/fashion-mnist in a directory of yours.

Run: python examples/fashion_mnist.py [--data /usr/share/datasets/fashion-mnist] [--epochs 8]
"""

import argparse
import gzip
import time
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure

import funcnn as fn

DATA = Path("/usr/share/datasets/fashion-mnist")
PICTURE = Path(__file__).parent / "pictures" / "fashion_mnist.png"
KINDS = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
BATCH = 100
warnings.filterwarnings("ignore", ".*batch_norm was never calibrated")  # it is, at the end of train


def mirrored_at_random(params, x, *, key=None, training=False):
    """In training, mirror half of the images: a layer may be any function of its key."""
    if not training:
        return x
    heads = jax.random.bernoulli(key, 0.5, (len(x), 1, 1, 1))
    return jnp.where(heads, x[:, :, ::-1], x)


MODEL = fn.serial(
    mirror=fn.Layer(lambda key, x: (), mirrored_at_random),
    edges=fn.serial(fn.conv(32, (3, 3)), fn.batch_norm(), fn.relu, lambda x: fn.max_pool(x, 2)),
    shapes=fn.serial(fn.conv(64, (3, 3)), fn.batch_norm(), fn.relu, lambda x: fn.max_pool(x, 2)),
    parts=fn.serial(fn.conv(128, (3, 3)), fn.batch_norm(), fn.relu, lambda x: fn.max_pool(x, 2)),
    head=fn.serial(fn.flatten, fn.dropout(0.3), fn.linear(10)),
)


def load(directory, part):
    """Images ``[n, 28, 28, 1]`` from 0 to 1, and their kinds ``[n]``; the files are in IDX format."""
    images, labels = (
        np.frombuffer(gzip.decompress((directory / f"{part}-{name}.gz").read_bytes()), np.uint8, offset=offset)
        for name, offset in (("images-idx3-ubyte", 16), ("labels-idx1-ubyte", 8))
    )
    return np.float32(images.reshape(-1, 28, 28, 1) / 255), np.int32(labels)


def train(images, labels, epochs):
    """Train with a rate that rises, then falls to 0 by the last step; measure the population statistics at the end."""
    steps = epochs * -(-len(images) // BATCH)
    optimizer = optax.adam(optax.cosine_onecycle_schedule(steps, 4e-3))
    loss = lambda logits, labels: fn.losses.softmax_cross_entropy(logits, labels, label_smoothing=0.05)
    state, history = fn.fit(
        MODEL, loss, optimizer, (images, labels), epochs=epochs, batch_size=BATCH, key=jax.random.key(0)
    )
    return fn.calibrate(MODEL, state.params, np.split(images[:6000], 6)), history["loss"]


def draw(images, labels, read):
    """What is taken for what, and the first images that were misread."""
    counts = np.zeros((10, 10), int)
    np.add.at(counts, (labels, read), 1)
    figure = Figure(figsize=(11, 5.2), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[6, 5])
    axes = left.subplots()
    axes.imshow(np.log1p(counts), cmap="Blues")  # log counts, so that a single misreading is seen
    for (row, column), count in np.ndenumerate(counts):
        if count:
            axes.text(column, row, count, ha="center", va="center", color="white" if count > 99 else "black", size=7)
    axes.set(title="10,000 test images", ylabel="is", xlabel="was read as", xticks=range(10), yticks=range(10))
    axes.set_xticklabels(KINDS, rotation=45, ha="right")
    axes.set_yticklabels(KINDS)
    right.suptitle("misread")
    for axes, i in zip(right.subplots(3, 4).flat, np.flatnonzero(read != labels), strict=False):
        axes.imshow(images[i, :, :, 0], cmap="gray_r")
        axes.set(xticks=[], yticks=[])
        axes.set_title(f"{KINDS[labels[i]]}", size=8)
        axes.set_xlabel(f"read: {KINDS[read[i]]}", size=8)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=150)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    if not (options.data / "train-images-idx3-ubyte.gz").exists():
        raise SystemExit(f"no Fashion-MNIST in {options.data}: apt install dataset-fashion-mnist, or pass --data")
    start = time.perf_counter()
    images, labels = load(options.data, "train")
    print(fn.summary(MODEL, images[:BATCH]))
    params, losses = train(images, labels, options.epochs)
    images, labels = load(options.data, "t10k")
    classify = jax.jit(lambda x: jnp.argmax(MODEL.apply(params, x), axis=-1))
    read = np.concatenate([classify(x) for x in np.split(images, 10)])
    right = np.mean(read == labels)
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f}; {right:.2%} of {len(labels):,} test images right, after "
          f"{time.perf_counter() - start:.0f} s")  # fmt: skip
    draw(images, labels, read)
    print(f"Picture: {PICTURE}")

    assert right >= 0.92 or options.epochs < 8, right


if __name__ == "__main__":
    main()
