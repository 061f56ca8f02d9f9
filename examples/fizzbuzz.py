"""Fizzbuzz: a network that has seen the numbers 101 to 1023 in binary answers for 1 to 100.

Run: python examples/fizzbuzz.py
"""

from functools import partial
from pathlib import Path

import jax
import numpy as np
import optax
from matplotlib.figure import Figure

import funcnn as fn

PICTURE = Path(__file__).parent / "pictures" / "fizzbuzz.png"

SEEN, ASKED = np.arange(101, 1024), np.arange(1, 101)
ANSWERS = ["number", "fizz", "buzz", "fizzbuzz"]

MODEL = fn.serial(fn.linear(50), fn.tanh, fn.linear(4))
# The sum over the batch, as from-scratch texts have it: the rate is small because the gradient grows with the batch.
LOSS = partial(fn.losses.squared_error, reduction="sum")
OPTIMIZER = optax.sgd(1e-3)


def digits(numbers):
    """The ten binary digits of each number, lowest first."""
    return ((numbers[:, None] >> np.arange(10)) & 1).astype(np.float32)


def answers(numbers):
    """The index into ANSWERS of each number's answer."""
    return (numbers % 3 == 0) + 2 * (numbers % 5 == 0)


def train():
    targets = np.eye(4, dtype=np.float32)[answers(SEEN)]
    data = digits(SEEN), targets
    return fn.fit(MODEL, LOSS, OPTIMIZER, data, epochs=5_000, batch_size=32, key=jax.random.key(0))


def print_answers(predicted):
    """Print the answers, ten a line; ✗ marks a wrong one."""
    marks = np.where(predicted == answers(ASKED), "", "✗")
    names = np.where(predicted == 0, ASKED.astype(str), np.array(ANSWERS)[predicted])
    for row in np.strings.add(marks, names).reshape(-1, 10):
        print("".join(f"{cell:>10}" for cell in row))


def confusion(predicted):
    """Counts of the answers given (columns) for each right answer (rows)."""
    counts = np.zeros((4, 4), int)
    np.add.at(counts, (answers(ASKED), predicted), 1)
    return counts


def draw(history, counts):
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.semilogy(history["loss"], linewidth=0.7)
    left.set(title="loss on 101 … 1023", xlabel="epoch", ylabel="summed squared error of a batch")
    right.imshow(np.log1p(counts), cmap="Blues")  # fizzbuzz is rare: log counts keep its square visible
    for (row, column), count in np.ndenumerate(counts):
        right.text(column, row, count, ha="center", va="center", color="white" if count > 10 else "black")
    right.set(title="answers on 1 … 100", xlabel="given", ylabel="right")
    right.set_xticks(range(4), ANSWERS)
    right.set_yticks(range(4), ANSWERS)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=150)


def main():
    state, history = train()
    predicted = np.argmax(MODEL.apply(state.params, digits(ASKED)), axis=-1)
    right = int(np.sum(predicted == answers(ASKED)))
    draw(history, confusion(predicted))

    print_answers(predicted)
    print(f"\n{right} of {len(ASKED)} right, none of them seen in training.")
    print(f"Loss of a batch: {history['loss'][0]:.2f} in the first epoch, {history['loss'][-1]:.2f} in the last.")
    print(f"Picture: {PICTURE}")

    assert right >= 95


if __name__ == "__main__":
    main()
