"""T1 to T4, T7, T11, T12. Faults at places that are new each time: how many were tried, how many training survived.

``python -m benchmarks.faults --draws 20`` tries a tenth of everything.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tqdm import tqdm

import funcnn as fn
from benchmarks._measure import run_script, table, title
from tests.helpers.digest import digest
from tests.helpers.faults import (
    EXITS,
    ended_digest,
    fresh_seed,
    killed,
    one_died,
    restored_despite,
    signalled,
    thousand_steps,
)
from tests.helpers.processes import HEARTBEAT

KILLS = 200
DEVICES, LIMIT = (4, 2, 8, 1), 240  # seconds, on a machine that does much else
EPOCHS, BATCHES = 4, 3  # of 4, 4 and 2 examples
X = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
LAYERS = {"": (), " with dropout": (fn.dropout(0.3),), " with batch norm": (fn.batch_norm(),)}
OPTIMIZERS = {"SGD": optax.sgd(0.1, momentum=0.9), "Adam": optax.adamw(0.01)}


def kills(draw, count, folder):
    """T1. Runs, killed again and again until they end."""
    whole = ended_digest(folder / "whole", folder)
    tried, survived, chain = 0, 0, 0
    with tqdm(total=count, desc="T1") as bar:
        while tried < count:
            run = folder / f"run {chain}"
            more, wrong = killed(run, folder, draw, min(10, count - tried))
            if ended_digest(run, folder) != whole:
                wrong.append("it ended in other bits")
            tried, survived, chain = tried + more, survived + max(0, more - len(wrong)), chain + 1
            bar.update(more)
            report(wrong)
    return "T1 kill -9", tried, survived, "steps saved by a slow writer, too"


def cuts(draw, count, folder):
    """T2. Runs that end after a drawn number of steps, and the same calls again."""
    tried = survived = 0
    for name, optimizer in OPTIMIZERS.items():
        for layer, extra in LAYERS.items():
            model = fn.serial(fn.linear(4), *extra, fn.tanh, fn.linear(2))

            def fit(model=model, optimizer=optimizer, **options):
                given = {"epochs": EPOCHS, "batch_size": 4, "key": jax.random.key(0), "progress": False}
                validation = (X, X[:, :2])
                return fn.fit(
                    model, fn.losses.squared_error, optimizer, validation, validation=validation, **given, **options
                )

            whole = digest(*fit())
            for i in tqdm(range(count), desc=f"T2 {name}{layer}"):
                at = draw.randrange(EPOCHS * BATCHES)
                cut = lambda moment, at=at: int(moment.state.step) >= at
                run = folder / f"{name}{layer} {i}"
                fit(checkpoint=fn.Checkpointer(run, every_steps=1), watch=[cut])
                same = digest(*fit(checkpoint=run)) == whole
                report([] if same else [f"T2: {name}{layer}, cut at step {at}, ended in other bits"])
                tried, survived = tried + 1, survived + same
    return "T2 resumed at any step", tried, survived, "sha256 of parameters, optimizer, key and history"


def damages(draw, count, folder):
    """T3 and T4. Bits flipped in the newest of two checkpoints, and files cut off."""
    checkpointer = fn.Checkpointer(folder / "damaged")
    params = fn.serial(fn.linear(5), fn.linear(2)).init(jax.random.key(0), jnp.ones((1, 3)))
    state = fn.TrainState(params, optax.adam(0.1).init(params), jax.random.key(0), np.int32(0))
    for step in (1, 2):
        checkpointer.save(state._replace(step=np.int32(step)), {"loss": np.arange(3.0)})
    checkpointer.close()
    wrong = [restored_despite(checkpointer, state, draw) for _ in tqdm(range(count), desc="T3")]
    report([what for what in wrong if what])
    return "T3, T4 a bit flipped, or cut off", count, wrong.count(None), "of these a twentieth cut off"


def signals(draw, count, folder):
    """T7. SIGTERM and Ctrl-C in the middle of a step."""
    whole, longest, survived = ended_digest(folder / "whole", folder), 0.0, 0
    for i in tqdm(range(count), desc="T7"):
        run = folder / f"signalled {i}"
        took, wrong = signalled(run, folder, draw.choice(list(EXITS)))
        if ended_digest(run, folder) != whole:
            wrong.append("it ended in other bits")
        if took > 2:
            wrong.append(f"it took {took:.1f} s after the step")
        report(wrong)
        longest, survived = max(longest, took), survived + (not wrong)
    return "T7 SIGTERM, Ctrl-C", count, survived, f"at most {longest:.1f} s after the step"


def hangs(draw, count, folder):
    """T11. A thousand steps on several devices of a CPU."""
    wrong = [thousand_steps(devices, LIMIT) for devices in tqdm(DEVICES[:count], desc="T11")]
    report([what for what in wrong if what])
    return "T11 1,000 steps", len(wrong), wrong.count(None), f"on {', '.join(map(str, DEVICES[:count]))} devices"


def deaths(draw, count, folder):
    """T12. One of several processes killed, the one included that the others meet at."""
    longest, survived = 0.0, 0
    for i in tqdm(range(count), desc="T12"):
        processes = draw.choice((2, 4))
        took, wrong = one_died(processes, draw.randrange(processes), draw.randrange(60), folder / f"died {i}", LIMIT)
        if took > HEARTBEAT + 5:
            wrong.append(f"the others took {took:.1f} s")
        report(wrong)
        longest, survived = max(longest, took), survived + (not wrong)
    return "T12 one of 2 or 4 processes killed", count, survived, f"the others ended within {longest:.1f} s"


def report(wrong):
    for what in wrong:
        print(what, file=sys.stderr)


def main(draws: int = KILLS) -> bool:
    """Whether training survived everything."""
    title(__doc__)
    draw, began = random.Random(fresh_seed()), time.perf_counter()
    rows = []
    of = lambda part: -(-draws // part)
    faults = {kills: draws, cuts: of(10), damages: 5 * draws, signals: of(20), hangs: of(50), deaths: of(20)}
    for fault, count in faults.items():
        with tempfile.TemporaryDirectory() as folder:
            rows.append(fault(draw, count, Path(folder)))
    table(("fault", "tried", "survived", ""), rows)
    print(f"{(time.perf_counter() - began) / 60:.1f} minutes\n")
    return all(tried == survived for _, tried, survived, _ in rows)


if __name__ == "__main__":
    sys.exit(not run_script(main))
