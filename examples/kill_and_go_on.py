"""A run that is killed goes on where it was, and ends in the bits of one that was left alone.

The same call of `fit` begins a run and takes it up again: `checkpoint` names a directory, and the rest is as always.

Run: python examples/kill_and_go_on.py
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import numpy as np
import optax

import funcnn as fn

MODEL = fn.serial(fn.linear(32), fn.tanh, fn.dropout(0.1), fn.linear(1))
OPTIMIZER = optax.adam(3e-3)


def train(directory, watch=()):
    """Three hundred epochs of regression, saved every hundred steps."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(500, 4)).astype(np.float32)
    y = np.sin(x).sum(1, keepdims=True)
    saved = fn.Checkpointer(directory, every_steps=100)
    return fn.fit(
        MODEL, fn.losses.squared_error, OPTIMIZER, (x, y), epochs=300, batch_size=50, key=jax.random.key(0),
        checkpoint=saved, watch=watch, progress=False,
    )  # fmt: skip


def kill(directory):
    """Begin the run in another process, and kill it as soon as it is under way."""
    tell = "lambda moment: print(moment.state.step, flush=True)"
    program = f"from kill_and_go_on import train; train({str(directory)!r}, watch=[{tell}])"
    here = Path(__file__).parent
    with subprocess.Popen([sys.executable, "-c", program], cwd=here, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        step = next(line for line in process.stdout if int(line) >= 400)
        process.kill()
    return int(step)


def main():
    with tempfile.TemporaryDirectory() as folder:
        killed, alone = Path(folder) / "killed", Path(folder) / "alone"
        step = kill(killed)
        print(f"Killed at step {step}; checkpoints of steps {fn.Checkpointer(killed).steps()} are there.")
        state, history = train(killed)
        expected, its_history = train(alone)
    same = jax.tree.map(lambda a, b: bool((a == b).all()), state, expected)
    print(
        f"It went on to step {int(state.step)}; every bit is that of the run that was left alone: {jax.tree.all(same)}."
    )
    assert jax.tree.all(same)
    assert (history["loss"] == its_history["loss"]).all()


if __name__ == "__main__":
    main()
