"""P1b. Fizzbuzz, 10-50-4: a step inside `fit`, and the whole process against a from-scratch NumPy original's.

Trained on the numbers 101 to 1023 in binary, tried on 1 to 100: batch 32, shuffled by sample, 5,000 epochs, tanh, summed
squared error, SGD 1e-3. The original is float64 NumPy, layers with forward and backward. The whole process is Python's
start, imports, compilation, training and the check. That of the last row finds its compiled programs in JAX's persistent
cache, which two environment variables turn on.
"""

import json
import statistics
import sys
import tempfile
from functools import partial

import numpy as np

from ._measure import at_least, at_most, header, in_turn, ratio, run_python, seconds, spread, table, title

EPOCHS, FEW, BATCH, RATE, HIDDEN = 5_000, 200, 32, 1e-3, 50
TRAINED, ASKED = np.arange(101, 1024), np.arange(1, 101)
BATCHES = -(-len(TRAINED) // BATCH)
FUNCNN, CACHED, NUMPY = "funcnn fit", "from the cache", "NumPy, from scratch"


def inputs(numbers):
    """The ten binary digits of each number."""
    return (numbers[:, None] >> np.arange(10)) & 1


def answers(numbers):
    """0 for the number itself, 1 fizz, 2 buzz, 3 fizzbuzz."""
    return (numbers % 3 == 0) + 2 * (numbers % 5 == 0)


def examples(dtype):
    return inputs(TRAINED).astype(dtype), np.eye(4, dtype=dtype)[answers(TRAINED)]


def count_right(scores):
    return int((np.argmax(scores, axis=-1) == answers(ASKED)).sum())


def train_funcnn(epochs=EPOCHS, batch_size=BATCH, rate=RATE):
    """The parameters at the start, each epoch's loss, and how many of the hundred are right."""
    import jax
    import optax

    import funcnn as fn

    model, optimizer = fn.serial(fn.linear(HIDDEN), fn.tanh, fn.linear(4)), optax.sgd(rate)
    loss = partial(fn.losses.squared_error, reduction="sum")
    data = examples(np.float32)
    start = fn.TrainState.create(model, optimizer, jax.random.key(0), data[0])
    state, history = fn.fit(
        model, loss, optimizer, data, epochs=epochs, batch_size=batch_size, state=start, progress=False
    )
    assert int(state.step) == epochs * (BATCHES if batch_size else 1)
    scores = jax.jit(model.apply)(state.params, inputs(ASKED).astype(np.float32))
    return start.params, history["loss"], count_right(np.asarray(scores))


def train_numpy(epochs=EPOCHS, batch_size=BATCH, rate=RATE, params=None):
    """Each epoch's loss, and how many of the hundred are right."""
    from . import _from_scratch as scratch

    random = np.random.default_rng(0)
    if params is None:
        w1, w2 = (random.standard_normal((n, m)) / np.sqrt(n) for n, m in ((10, HIDDEN), (HIDDEN, 4)))
        params = {"w": w1, "b": np.zeros(HIDDEN)}, (), {"w": w2, "b": np.zeros(4)}
    net, (x, y) = scratch.mlp(params), examples(np.float64)
    loss, optimizer = scratch.SquaredError("sum"), scratch.SGD(rate)
    history = scratch.fit(net, loss, optimizer, x, y, epochs=epochs, batch_size=batch_size or len(x), random=random)
    return history, count_right(net.forward(inputs(ASKED)))


def check_same():
    """From the same parameters, on the whole set at once, where order is nothing, both descend through the same losses."""
    params, losses, _ = train_funcnn(epochs=100, batch_size=None, rate=RATE / 100)
    expected, _ = train_numpy(epochs=100, batch_size=None, rate=RATE / 100, params=params)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)
    return losses


def microseconds_a_step():
    """What many more epochs cost more than a few, so that compiling, which both calls do, is out."""
    return 1e6 * (seconds(train_funcnn) - seconds(train_funcnn, FEW)) / ((EPOCHS - FEW) * BATCHES)


def whole_processes():
    """Seconds that each takes in a process of its own, and how many answers were right."""
    right = {FUNCNN: [], CACHED: [], NUMPY: []}

    def process(name, who, **environment):
        return seconds(lambda: right[name].append(json.loads(run_python("-m", __spec__.name, who, **environment))))

    with tempfile.TemporaryDirectory() as folder:
        cache = {"JAX_COMPILATION_CACHE_DIR": folder, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        process(CACHED, "funcnn", **cache)  # fills the cache
        whole = in_turn(
            {
                FUNCNN: lambda: process(FUNCNN, "funcnn"),
                CACHED: lambda: process(CACHED, "funcnn", **cache),
                NUMPY: lambda: process(NUMPY, "numpy"),
            }
        )
    return whole, right


def main():
    title(__doc__)
    losses = check_same()
    steps = in_turn({FUNCNN: microseconds_a_step})[FUNCNN]
    whole, right = whole_processes()
    rows = [
        ("a step, µs", spread(steps), "", *at_most(8, statistics.median(steps), " µs")),
        ("whole process, s", spread(whole[FUNCNN]), spread(whole[NUMPY]), *at_most(0.5, ratio(whole, FUNCNN, NUMPY))),
        ("right of 100", min(right[FUNCNN]), min(right[NUMPY]), *at_least(95, min(right[FUNCNN]), "")),
        ("whole process, cached, s", spread(whole[CACHED]), "", "", f"{ratio(whole, CACHED, NUMPY):.3g}×", ""),
    ]
    table(("fizzbuzz", FUNCNN, NUMPY, "bar", "measured", ""), rows)
    print(f"On the whole set at once, a hundred losses from {losses[0]:.2f} to {losses[-1]:.2f} agree to 1e-4.\n")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["funcnn"]:
            print(train_funcnn()[-1])
        case ["numpy"]:
            print(train_numpy()[-1])
        case _:
            header()
            main()
