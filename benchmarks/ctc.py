"""P12: ctc takes at most half of the time and of the memory of `optax.ctc_loss`; beside PyTorch where installed.

Each side is the value alone, or the value and the gradient in the logits, of the summed loss, in float32. Time is that of
the processor, over all cores. Memory is what XLA plans for the compiled program, arguments and results not counted.

Run: python -m benchmarks.ctc [--rounds 9]
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from funcnn import rules

from ._measure import at_most, in_turn, ratio, run_script, spread, table, title

SIZES = {"characters": (32, 500, 64, 60), "word pieces": (8, 250, 1000, 40)}  # batch, time, classes, labels


class Batch(NamedTuple):
    """The arguments of rules.ctc."""

    logits: jax.Array
    labels: jax.Array
    logit_lengths: jax.Array
    label_lengths: jax.Array


def drawn(batch: int, frames: int, classes: int, labels: int) -> Batch:
    """A batch of unequal lengths."""
    rng = np.random.default_rng(0)
    return Batch(
        jnp.asarray(rng.normal(size=(batch, frames, classes)), jnp.float32),
        jnp.asarray(rng.integers(1, classes, (batch, labels)), jnp.int32),
        jnp.asarray(rng.integers(frames * 3 // 4, frames + 1, batch), jnp.int32),
        jnp.asarray(rng.integers(labels // 2, labels + 1, batch), jnp.int32),
    )


def by_optax(logits, labels, logit_lengths, label_lengths):
    past = lambda a, lengths: (jnp.arange(a.shape[1])[None] >= lengths[:, None]).astype(logits.dtype)
    return optax.ctc_loss(logits, past(logits, logit_lengths), labels, past(labels, label_lengths))


def of_sum(loss):
    return lambda *batch: jnp.sum(loss(*batch))


PASSES = {"value": of_sum, "value and gradient": lambda loss: jax.value_and_grad(of_sum(loss))}
SIDES = {"rule": rules.ctc, "optax": by_optax}


def torchs(batch: Batch) -> dict[str, Callable]:
    """PyTorch's two passes; nothing where it is not installed."""
    try:
        import torch
    except ImportError:
        return {}
    logits, labels, *lengths = (torch.tensor(np.asarray(a)) for a in batch)

    def value(x):
        return torch.nn.functional.ctc_loss(x.log_softmax(-1).movedim(0, 1), labels, *lengths, reduction="sum")

    moving = logits.clone().requires_grad_()
    return {"value": lambda: value(logits), "value and gradient": lambda: torch.autograd.grad(value(moving), moving)}


def processor_seconds(run: Callable) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def measure(name: str, rounds: int) -> list[tuple[object, ...]]:
    batch, rows = drawn(*SIZES[name]), []
    for which, passes in PASSES.items():
        programs: dict[str, Any] = {side: jax.jit(passes(loss)).lower(*batch).compile() for side, loss in SIDES.items()}
        contestants = {
            side: partial(processor_seconds, lambda program=program: jax.block_until_ready(program(*batch)))
            for side, program in programs.items()
        }
        if which in (peer := torchs(batch)):
            contestants["torch"] = partial(processor_seconds, peer[which])
        in_turn(contestants, 2)
        samples = in_turn(contestants, rounds)
        planned = {side: program.memory_analysis().temp_size_in_bytes for side, program in programs.items()}
        what = f"{name}, {which}"
        rows.append((f"{what}: time by optax's", *at_most(0.5, ratio(samples, "rule", "optax"))))
        rows.append((f"{what}: memory by optax's", *at_most(0.5, planned["rule"] / planned["optax"])))
        if "torch" in samples:
            rows.append((f"{what}: time by PyTorch's", "", f"{ratio(samples, 'rule', 'torch'):.2f}×", ""))
        for side in samples:
            rows.append((f"{what}: ms of {side}", "", spread([1e3 * s for s in samples[side]], 1), ""))
    return rows


def main(rounds: int = 9) -> None:
    title(__doc__ or "")
    for name, (batch, frames, classes, labels) in SIZES.items():
        print(f"{name}: batch {batch}, {frames} frames of {classes} classes, {labels} labels\n")
        table(("what", "bar", "measured", ""), measure(name, rounds))


if __name__ == "__main__":
    run_script(main)
