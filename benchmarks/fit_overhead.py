"""P10. `fit` costs nothing beside a bare `for` over the jitted step, at width 512.

All take the same batches from memory, in several epochs, compiled before. `fit` takes them as arrays, as a list, or from
a function to an iterator, whose batches a thread reads ahead and copies. The second baseline also measures loss and
accuracy of held-out examples after each epoch, by a compiled function. `fit` does that as ``validation=``, shows a bar,
writes a log, and a checkpoint at the beginning, each minute and at the end. Probes are held to `fit` without them.
"""

import contextlib
import io
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
import optax

import funcnn as fn

from ._measure import at_most, in_turn, ratio, run_script, seconds, spread, table, title

WIDTH, BATCH, STEPS, EPOCHS, HELD_OUT, ROUNDS = 512, 128, 50, 12, 4, 9
MODEL = fn.serial(fn.linear(WIDTH), fn.relu, fn.linear(WIDTH), fn.relu, fn.linear(10))
LOSS, OPTIMIZER = fn.losses.softmax_cross_entropy, optax.adam(1e-3)
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(BATCH * STEPS, WIDTH)).astype("float32"), RNG.integers(0, 10, BATCH * STEPS, "int32")
BATCHES = [(X[i : i + BATCH], Y[i : i + BATCH]) for i in range(0, len(X), BATCH)]


@jax.jit
def measure(params, x, y):
    """The loss and the accuracy."""
    prediction = MODEL.apply(params, x)
    return LOSS(prediction, y), (prediction.argmax(-1) == y).mean()


def bare(state, validate=False):
    """The loop that one would write by hand."""
    step, state = fn.make_step(MODEL, LOSS, OPTIMIZER), jax.tree.map(jnp.copy, state)
    for _ in range(EPOCHS):
        for batch in BATCHES:
            state, _ = step(state, batch)
        if validate:
            jax.block_until_ready([measure(state.params, *batch) for batch in BATCHES[:HELD_OUT]])
    return jax.block_until_ready(state)


def fit(state, data, **options):
    """The same, by `fit`."""
    with contextlib.redirect_stderr(io.StringIO()):  # the bar's
        return fn.fit(MODEL, LOSS, OPTIMIZER, data, epochs=EPOCHS, state=state, **options)


def with_everything(state, data, **options):
    """The same, with all that is usual."""
    with tempfile.TemporaryDirectory() as folder:
        fit(
            state,
            data,
            **options,
            validation=BATCHES[:HELD_OUT],
            metrics={"accuracy": fn.metrics.accuracy},
            watch=fn.log_jsonl(f"{folder}/log.jsonl"),
            checkpoint=f"{folder}/run",
        )


def main():
    title(__doc__)
    state = fn.TrainState.create(MODEL, OPTIMIZER, jax.random.key(0), X[:1])
    arrays = {"data": (X, Y), "batch_size": BATCH}
    listed, iterated = {"data": BATCHES}, {"data": lambda: iter(BATCHES)}
    runs = {
        "a bare for": lambda: bare(state),
        "fit, arrays": lambda: fit(state, **arrays, progress=False),
        "fit, a list": lambda: fit(state, **listed, progress=False),
        "fit, an iterator": lambda: fit(state, **iterated, progress=False),
        "fit, arrays, probes": lambda: fit(state, **arrays, progress=False, probes=True),
        "a bare for, and validation": lambda: bare(state, validate=True),
        "fit, arrays, everything": lambda: with_everything(state, **arrays),
        "fit, a list, everything": lambda: with_everything(state, **listed),
        "fit, an iterator, everything": lambda: with_everything(state, **iterated),
    }
    for run in runs.values():
        run()  # compiles
    steps = EPOCHS * STEPS
    samples = in_turn({name: lambda run=run: 1e3 * seconds(run) / steps for name, run in runs.items()}, ROUNDS)
    table((f"{steps} steps of batch {BATCH}", "ms a step", "bar", "measured", ""), list(rows(samples)))


HELD_TO = {
    "fit, arrays": (1.05, "a bare for"),
    "fit, a list": (1.05, "a bare for"),
    "fit, an iterator": (1.05, "a bare for"),
    "fit, arrays, probes": (1.05, "fit, arrays"),
    "fit, arrays, everything": (1.10, "a bare for, and validation"),
    "fit, a list, everything": (1.10, "a bare for, and validation"),
    "fit, an iterator, everything": (1.10, "a bare for, and validation"),
}


def rows(samples):
    """Each run, and what it is held to."""
    for name in samples:
        bar, base = HELD_TO.get(name, (None, None))
        yield name, spread(samples[name]), *(at_most(bar, ratio(samples, name, base)) if bar else ("",) * 3)


if __name__ == "__main__":
    run_script(main)
