"""Augmentation: a generator yields the handwritten digits moved, turned and stretched, anew in every epoch.

Run: python examples/augmentation.py
"""

from functools import partial

import jax
import numpy as np
import optax
from scipy.ndimage import affine_transform
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import funcnn as fn

EPOCHS, BATCH = 40, 64

digits = load_digits()
images, held_out, labels, held_out_labels = train_test_split(
    np.float32(digits.images / 16), np.int32(digits.target), test_size=0.2, random_state=0, stratify=digits.target
)

model = fn.serial(
    *(fn.conv(32, (3, 3)), fn.batch_norm(), fn.relu),
    *(fn.conv(64, (3, 3)), fn.batch_norm(), fn.relu, partial(fn.max_pool, window=(2, 2))),
    *(fn.conv(64, (3, 3)), fn.batch_norm(), fn.relu, partial(fn.max_pool, window=(2, 2))),
    *(fn.flatten, fn.dropout(0.5), fn.linear(10)),
)


def changed(image, rng):
    """The image turned by up to 0.15 radians, stretched by a tenth and moved by a pixel, each at random."""
    angle = rng.uniform(-0.15, 0.15)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * rng.uniform(0.9, 1.1, 2)
    centre = np.array([3.5, 3.5])
    return affine_transform(image, turn, centre - turn @ centre + rng.uniform(-1, 1, 2), order=1)


def augmented(epoch):
    """An epoch's batches: `fit` reads them ahead, while it trains."""
    rng = np.random.default_rng(epoch)
    order = rng.permutation(len(labels))
    for rows in np.split(order, range(BATCH, len(order), BATCH)):
        yield np.stack([changed(image, rng) for image in images[rows]])[..., None], labels[rows]


def main():
    steps = EPOCHS * -(-len(labels) // BATCH)
    _, history = fn.fit(
        model,
        fn.losses.softmax_cross_entropy,
        optax.adamw(optax.cosine_decay_schedule(5e-3, steps), weight_decay=0.05),
        augmented,
        epochs=EPOCHS,
        key=jax.random.key(0),
        validation=(held_out[..., None], held_out_labels),
        metrics={"accuracy": fn.metrics.accuracy},
    )
    right = history["val_accuracy"][-1]
    print(
        f"{right:.2%} of {len(held_out)} held-out digits right; the step was compiled {history['compilations'].sum()} times"
    )
    assert right >= 0.99, right


if __name__ == "__main__":
    main()
