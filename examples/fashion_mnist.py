"""Fashion-MNIST: a convolutional network with batch normalisation tells ten kinds of clothes apart, on the CPU.

The data are Debian's package dataset-fashion-mnist (``apt install dataset-fashion-mnist``), or the same four files from
https://github.com/zalandoresearch/fashion-mnist in a directory of yours.

Run: python examples/fashion_mnist.py [--data /usr/share/datasets/fashion-mnist] [--epochs 12]
"""

import argparse
import gzip
import time
import warnings
from functools import partial
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


def pixels_in_fours(x):
    """Each 2 × 2 pixels as four channels of one: ``[batch, 28, 28, 1]`` to ``[batch, 14, 14, 4]``."""
    x = x.reshape(len(x), 14, 2, 14, 2)
    return jnp.moveaxis(x, 2, 3).reshape(len(x), 14, 14, 4)


def neighbours(x, axis):
    """The 3 × 3 pixels around each, zeros beyond the border: nine shifts of ``[_, height, width, _]``, along an axis."""
    _, height, width, _ = x.shape
    x = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return jnp.concatenate([x[:, i : i + height, j : j + width] for i in range(3) for j in range(3)], axis)


@jax.custom_vjp
def convolved(x, w):
    """x ``[batch, height, width, channels]`` convolved with w ``[3, 3, channels, out]``, as products of neighbours.

    A processor with units for bfloat16 products makes these, and those of the gradients, faster than XLA's convolutions.
    """
    return convolved_fwd(x, w)[0]


def convolved_fwd(x, w):
    return fn.rules.linear(neighbours(x, -1), w.reshape(-1, w.shape[-1])), (x, w)


def convolved_bwd(residuals, y_bar):
    x, w = residuals
    x_bar, _ = convolved_fwd(y_bar, w[::-1, ::-1].swapaxes(2, 3))
    across = neighbours(x.swapaxes(0, 3), 0)  # [9 channels, height, width, batch]
    rows = jnp.moveaxis(y_bar, 0, 2).reshape(-1, y_bar.shape[-1])
    return x_bar, fn.rules.linear(across.reshape(len(across), -1), rows).reshape(w.shape)


convolved.defvjp(convolved_fwd, convolved_bwd)


def conv(features):
    """3 × 3 convolution, batch normalisation, relu."""
    init = fn.conv(features, (3, 3), bias=False).init
    return fn.serial(fn.Layer(init, lambda params, x, **_: convolved(x, params["w"])), fn.batch_norm(), fn.relu)


halved = partial(fn.max_pool, window=2)
MODEL = fn.mixed(
    fn.serial(
        mirror=fn.Layer(lambda key, x: (), mirrored_at_random),
        edges=fn.serial(pixels_in_fours, conv(64), halved),
        shapes=fn.serial(conv(128), conv(128), halved),
        parts=conv(256),
        head=fn.serial(fn.flatten, fn.dropout(0.3), fn.linear(10)),
    )
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
    optimizer = optax.adamw(optax.cosine_onecycle_schedule(steps, 4e-3), weight_decay=0.05)
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
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    if not (options.data / "train-images-idx3-ubyte.gz").exists():
        raise SystemExit(f"no Fashion-MNIST in {options.data}: apt install dataset-fashion-mnist, or pass --data")
    start = time.perf_counter()
    images, labels = load(options.data, "train")
    print(fn.summary(MODEL, images[:BATCH]))
    params, losses = train(images, labels, options.epochs)
    images, labels = load(options.data, "t10k")
    classify = jax.jit(lambda x: jnp.argmax(MODEL.apply(params, x) + MODEL.apply(params, x[:, :, ::-1]), axis=-1))
    read = np.concatenate([classify(x) for x in np.split(images, 10)])
    right = np.mean(read == labels)
    spent = f"{time.perf_counter() - start:.0f} s, {time.process_time():.0f} s of processor time"
    print(f"loss {losses[0]:.3f} -> {losses[-1]:.3f} in {spent}")
    print(f"{right:.2%} of {len(labels):,} test images right, each averaged with its mirror image")
    draw(images, labels, read)
    print(f"Picture: {PICTURE}")

    assert right >= 0.93 or options.epochs < 12, right


if __name__ == "__main__":
    main()
