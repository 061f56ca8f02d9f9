"""Who remembers? Networks that carry a state along time, and attention, add two numbers that stand ever further apart.

Each step of a sequence has a number from 0 to 1 and a mark. That is 1 at one step of either half, and 0 elsewhere. The
answer is the sum of the two numbers that are marked: the adding problem. The guess 1 is wrong by 1/6, squared, on average.

What the error of the last step is to change at an early one goes back through every step between
    rnn                 h' = tanh(w_h h + …)    times w_h and a slope of at most 1, and so it fades
    lstm, gru           h' = f h + i g          times f, a gate that the network learns to hold near 1
    linear recurrence   h' = a h + x            times a, a number for each feature, of which some begin near 1
    attention           y = Σ_t p_t v_t         all at once, times p_t, which begins near 1 / length

Source: Hochreiter & Schmidhuber, "Long short-term memory", Neural Computation 9, 1997, section 5.4.

Run: python examples/long_memory.py [--steps 500]
"""

import argparse
from itertools import product
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from matplotlib.figure import Figure
from tqdm import tqdm

import funcnn as fn

PICTURE = Path(__file__).parent / "pictures" / "long_memory.png"
LENGTHS = 10, 30, 150
GUESS = 1 / 6
WIDTH, BATCH, ROUND = 32, 32, 100  # a round is so many steps, in one compiled call


def fading(features):
    """A layer of one's own: sums that fade, each at its own rate, at first within one step to within a thousand."""

    def init(key, x):
        return {"log_time": jnp.linspace(0, np.log(1000), features, dtype=x.dtype)}

    def apply(params, x, *, key=None, training=False):
        kept = jnp.exp(-jnp.exp(-params["log_time"]))
        added = jnp.sqrt(1 - kept**2) * x  # so that sums of noise are of the noise's size, at any rate
        return fn.rules.linear_recurrence(kept, added, jnp.zeros_like(x[:, 0]))[1]  # the state after the last step

    return fn.Layer(init, apply)


MODELS = {
    "rnn": fn.serial(fn.rnn(WIDTH, return_sequence=False), fn.linear(1)),
    "lstm": fn.serial(fn.lstm(WIDTH, return_sequence=False), fn.linear(1)),
    "gru": fn.serial(fn.gru(WIDTH, return_sequence=False), fn.linear(1)),
    "linear recurrence": fn.serial(fn.linear(2 * WIDTH), fn.rules.glu, fading(WIDTH), fn.linear(1)),
    "attention": fn.serial(
        fn.linear(WIDTH),
        lambda x: {"x": x[:, -1:], "memory": x},  # the last step looks at all steps
        *(fn.attention(4, cross=True), fn.flatten, fn.linear(1)),
    ),
}


def sequences(rng, length):
    """A round of batches ``[ROUND, BATCH, length, 2]`` of numbers and marks, and their answers ``[ROUND, BATCH, 1]``."""
    numbers, half = rng.uniform(size=(ROUND, BATCH, length)), length // 2
    marks = np.zeros_like(numbers)
    for start in 0, half:
        np.put_along_axis(marks, start + rng.integers(half, size=(ROUND, BATCH, 1)), 1, axis=-1)
    return np.float32(np.stack([numbers, marks], -1)), np.float32((numbers * marks).sum(-1, keepdims=True))


def error(model, length, steps):
    """The mean squared error after training. No sequence comes twice, so the last round's loss is of sequences not seen."""
    rate = optax.cosine_decay_schedule(1e-2, steps)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))
    step = fn.make_step(model, fn.losses.squared_error, optimizer)
    train = jax.jit(lambda state, batches: jax.lax.scan(step, state, batches))
    rng = np.random.default_rng(0)
    state = fn.TrainState.create(model, optimizer, jax.random.key(0), sequences(rng, length)[0][0])
    for _ in range(0, steps, ROUND):
        state, measured = train(state, sequences(rng, length))
    return float(jnp.mean(measured["loss"]))


def draw(found):
    figure = Figure(figsize=(7.5, 5), layout="constrained")
    axes = figure.subplots()
    for (name, row), marker in zip(found.items(), "osD^v", strict=True):
        axes.loglog(LENGTHS, row, marker=marker, label=name)
    axes.axhline(GUESS, color="black", linestyle="dashed", label="a guess")
    axes.set(title="Who remembers: the sum of two numbers of a sequence", xlabel="length", ylabel="mean squared error")
    axes.set_xticks(LENGTHS, [str(n) for n in LENGTHS])
    axes.set_xticks([], minor=True)
    axes.legend()
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=150)


def main(steps):
    runs = tqdm([*product(MODELS, LENGTHS)], desc="networks", unit="run")
    measured = {(name, n): error(MODELS[name], n, steps) for name, n in runs}
    found = {name: [measured[name, n] for n in LENGTHS] for name in MODELS}

    print(f"The mean squared error of {steps} steps, by length; of a guess: {GUESS:.4f}")
    print(f"{'':18}", *(f"{n:8}" for n in LENGTHS))
    for name, row in found.items():
        print(f"{name:18}", *(f"{error:8.4f}" for error in row))
    draw(found)
    print(f"Picture: {PICTURE}")

    if steps >= 500:
        assert all(row[0] < GUESS / 3 for row in found.values())
        assert all(found[name][1] < GUESS / 5 for name in ("gru", "linear recurrence", "attention"))
        assert found["attention"][-1] < GUESS / 5


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=500)
    main(parser.parse_args().steps)
