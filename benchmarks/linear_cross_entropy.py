"""P5. Losses of tokens: memory that does not grow with the vocabulary, beside autodiff of the plain formula and PyTorch.

Each side is the value and the gradients in x and w of the mean cross-entropy, of 2,048 rows of 256 features. Memory is what
XLA plans for the compiled program, arguments and results not counted.

- "rule" is `rules.linear_log_prob`: chunks of the vocabulary.
- "fast path" is `losses.linear_cross_entropy`: the forward pass makes the gradient, of chunks of rows.
- PyTorch's `F.linear_cross_entropy` is timed where it is there, 2.13 or later, with the best of a few chunks of rows.

Run: python -m benchmarks.linear_cross_entropy [--rounds 7] [--vocabulary 8192]
"""

import jax
import jax.numpy as jnp
import numpy as np

from funcnn import losses, rules

from ._measure import at_most, in_turn, ratio, run_script, seconds, spread, table, title

ROWS, FEATURES, VOCABULARY = 2048, 256, 32_768
VOCABULARIES = (1024, 4096, 16_384, 65_536, 131_072)
MIB = 2**20
CHUNKS = None, 256, 512, 1024  # rows that PyTorch takes at once; None for all, by its own logits


def plain(x, w, labels):
    """All logits at once."""
    log_p = jax.nn.log_softmax(x @ w)
    return -jnp.mean(jnp.take_along_axis(log_p, labels[:, None], axis=-1))


def by_rule(x, w, labels):
    return -jnp.mean(rules.linear_log_prob(x, w, labels).log_prob)


def by_fast_path(x, w, labels):
    return losses.linear_cross_entropy((x, w), labels)


SIDES = {"autodiff": plain, "rule": by_rule, "fast path": by_fast_path}


def shapes(vocabulary):
    numbers = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((ROWS, FEATURES), (FEATURES, vocabulary))]
    return *numbers, jax.ShapeDtypeStruct((ROWS,), jnp.int32)


def compiled(side, vocabulary):
    return jax.jit(jax.value_and_grad(SIDES[side], (0, 1))).lower(*shapes(vocabulary)).compile()


def temporary(side, vocabulary):
    """MiB."""
    return compiled(side, vocabulary).memory_analysis().temp_size_in_bytes / MIB


def torch_peer(x, w, labels):
    """A call of PyTorch's own, forward and backward, of so many rows at once; None where it has none."""
    try:
        import torch

        fused, chunks = torch.nn.functional.linear_cross_entropy, torch.nn.LinearCrossEntropyOptions
    except (ImportError, AttributeError):
        return None
    x, w, labels = (torch.tensor(np.asarray(a)) for a in (x, np.asarray(w).T.copy(), np.asarray(labels, np.int64)))
    for a in (x, w):
        a.requires_grad_()

    def run(chunk):
        x.grad = w.grad = None
        fused(x, w, labels, options=chunk and chunks(batch_chunk_size=chunk)).backward()

    return run


def memory():
    print("Temporary memory, MiB:\n")
    found = {side: [temporary(side, vocabulary) for vocabulary in VOCABULARIES] for side in SIDES}
    table(("vocabulary", *map(str, VOCABULARIES)), [(side, *(f"{m:,.1f}" for m in row)) for side, row in found.items()])
    growth = found["rule"][-1] / found["rule"][0]
    rows = [
        (f"the rule at {VOCABULARIES[-1]:,} by {VOCABULARIES[0]:,}", *at_most(1.1, growth)),
        (f"the fast path at {VOCABULARY:,}", *at_most(80, temporary("fast path", VOCABULARY), " MiB")),
        (f"the rule at {VOCABULARY:,}", *at_most(80, temporary("rule", VOCABULARY), " MiB")),
    ]
    table(("claim", "bar", "measured", ""), rows)


def times(vocabulary, rounds):
    rng = np.random.default_rng(0)
    x, w = (jnp.asarray(rng.normal(size=a.shape) / 16, jnp.float32) for a in shapes(vocabulary)[:2])
    labels = jnp.asarray(rng.integers(0, vocabulary, ROWS), jnp.int32)
    programs = {side: compiled(side, vocabulary) for side in SIDES}
    timed = lambda run: lambda: 1e3 * seconds(lambda: jax.block_until_ready(run(x, w, labels)))
    contestants = {side: timed(run) for side, run in programs.items()}
    torch_run = torch_peer(x, w, labels)
    if torch_run is not None:
        best = min(CHUNKS, key=lambda chunk: min(seconds(torch_run, chunk) for _ in range(3)))
        contestants["torch"] = lambda: 1e3 * seconds(torch_run, best)
    in_turn(contestants, 1)
    samples = in_turn(contestants, rounds)
    bars = {"autodiff": 1.0, "torch": 1.1}
    rows = [(side, spread(samples[side], 1), "", "", "") for side in contestants if side in bars]
    for side in ("rule", "fast path"):
        rows += [
            (f"{side} by {peer}", spread(samples[side], 1), *at_most(bar, ratio(samples, side, peer)))
            for peer, bar in bars.items()
            if peer in samples
        ]
    table((f"vocabulary {vocabulary:,}", "ms", "bar", "measured", ""), rows)


def main(rounds=7, vocabulary=8192):
    title(__doc__ or "")
    memory()
    times(vocabulary, rounds)


if __name__ == "__main__":
    run_script(main)
