"""P5: attention's memory grows as the length, a window's time as the window; beside jax.nn, and PyTorch where installed.

Forward and backward pass, float32. Memory is what XLA plans for the compiled program, exact and repeatable.

Run: python -m benchmarks.attention [--rounds 7]
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from funcnn.rules import dot_product_attention

from ._measure import at_most, in_turn, ratio, run_script, seconds, table, title
from .rules import Side, side

LENGTHS = (1024, 2048, 4096, 8192, 16384)
SHAPE = (4, 512, 4, 64)  # batch, length, heads, features
ALONE = (1, 4, 64)  # batch, heads, features of the long sequences
TIMED = 8192  # the longest sequence that is timed
WINDOW = 256


def drawn(shape) -> tuple[np.ndarray, ...]:
    """query, key, value and the cotangent."""
    rng = np.random.default_rng(0)
    return tuple(rng.normal(size=shape).astype(np.float32) for _ in range(4))


def compiled(f, shape, **options) -> Side:
    """Value and cotangents of f, causal."""
    return side(partial(f, is_causal=True, **options), tuple(map(jnp.asarray, drawn(shape)[:3])))


def of_length(f, length, **options) -> Side:
    batch, *heads = ALONE
    return compiled(f, (batch, length, *heads), **options)


def torchs(shape):
    """A call of PyTorch's forward and backward pass; None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    query, key, value, y_bar = (torch.from_numpy(a).transpose(1, 2).contiguous() for a in drawn(shape))
    arrays = [a.requires_grad_() for a in (query, key, value)]
    attention = partial(torch.nn.functional.scaled_dot_product_attention, is_causal=True)
    return lambda: torch.autograd.grad(attention(*arrays), arrays, y_bar)


def beside_peers(rounds: int) -> list[tuple[object, ...]]:
    """Time and memory of a layer's size."""
    ours, theirs = compiled(dot_product_attention, SHAPE), compiled(jax.nn.dot_product_attention, SHAPE)
    contestants = {"ours": ours.run, "jax.nn": theirs.run} | ({"torch": run} if (run := torchs(SHAPE)) else {})
    timed = {name: partial(seconds, run) for name, run in contestants.items()}
    in_turn(timed, 2)
    samples = in_turn(timed, rounds)
    what = f"causal, [batch, length, heads, features] {list(SHAPE)}:"
    rows = [
        (f"{what} time by jax.nn's", *at_most(0.37, ratio(samples, "ours", "jax.nn"))),
        (f"{what} temporary memory by jax.nn's", *at_most(0.55, ours.temporary / theirs.temporary)),
    ]
    return rows + ([(f"{what} time by PyTorch's", *at_most(1.1, ratio(samples, "ours", "torch")))] if run else [])


def growth(rounds: int) -> list[tuple[object, ...]]:
    """Memory by the length, and time by the length within a window."""
    planned = [of_length(dot_product_attention, n).temporary / n for n in LENGTHS]
    sides = {
        "short": of_length(dot_product_attention, TIMED // 4, local_window_size=(WINDOW, 0)),
        "long": of_length(dot_product_attention, TIMED, local_window_size=(WINDOW, 0)),
        "wide": of_length(dot_product_attention, TIMED, local_window_size=(4 * WINDOW, 0)),
        "all": of_length(dot_product_attention, TIMED),
    }
    timed = {name: partial(seconds, one.run) for name, one in sides.items()}
    in_turn(timed, 1)
    samples = in_turn(timed, rounds)
    lengths = f"{LENGTHS[0]:,} … {LENGTHS[-1]:,}"
    return [
        (f"temporary bytes a position, most by least over {lengths}", *at_most(1.5, max(planned) / min(planned))),
        (f"a window of {WINDOW}: time of 4 times the length", *at_most(5, ratio(samples, "long", "short"))),
        (f"length {TIMED:,}: time of 4 times the window", *at_most(5, ratio(samples, "wide", "long"))),
        (
            f"length {TIMED:,}: time of a window of {WINDOW} by no window's",
            *at_most(0.25, ratio(samples, "long", "all")),
        ),
    ]


def main(rounds: int = 7) -> None:
    title(__doc__)
    table(("what", "bar", "measured", ""), beside_peers(rounds) + growth(rounds))


if __name__ == "__main__":
    run_script(main)
