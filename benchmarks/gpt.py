"""P3: a small GPT, one SGD step by our rules beside JAX's autodiff, flax, equinox and PyTorch, where installed.

Vocabulary 8,192, width 256, 6 layers, 4 heads, length 512, batch 4. All have the same parameters and must give the same
loss. Time is in turn, and the ratio is to the JAX peer that is fastest. Temporary memory is what XLA plans for the step.
The last table says where the step's time goes: each part is timed alone, forward and backward pass, beside the step.

Run: python -m benchmarks.gpt [--rounds 7]
"""

import importlib.util
import math
import statistics
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import funcnn as fn
from benchmarks import _gpt_peers
from benchmarks._measure import Samples, at_most, in_turn, ratio, run_script, seconds, spread, table, title
from benchmarks.rules import Side, repeated, side

VOCABULARY, WIDTH, LAYERS, HEADS, LENGTH, BATCH = 8192, 256, 6, 4, 512, 4
TIME, MEMORY, TORCH = 0.5, 0.35, 1.0
RATE = 0.1
ROWS = BATCH * LENGTH


def ours(model, params, ids):
    """The loss by this library's layers and rules, without the logits of all positions."""
    x, w = model.apply(params, ids)
    return fn.losses.linear_cross_entropy((x[:, :-1], w), ids[:, 1:])


def step(loss, params, ids):
    """The loss, and the parameters after one step of SGD."""
    value, gradient = jax.value_and_grad(loss)(params, ids)
    return value, jax.tree.map(lambda p, g: p - RATE * g, params, gradient)


def compiled(loss, params, ids):
    """What runs a step and returns its loss, and its temporary memory in MiB."""
    program = jax.jit(partial(step, loss)).lower(params, ids).compile()
    return lambda: float(jax.block_until_ready(program(params, ids))[0]), temporary(program)


def temporary(program) -> float:
    plan = program.memory_analysis()
    return plan.temp_size_in_bytes / 2**20 if plan else math.nan


def programs(params, ids) -> tuple[dict, dict]:
    """What runs a step, by ours and by each peer that is installed, and the memory of those in JAX."""
    model = fn.gpt(VOCABULARY, WIDTH, LAYERS, HEADS, logits=False)
    runs, memory = {}, {}
    runs["rules"], memory["rules"] = compiled(partial(ours, model), params, ids)
    for name, peer in _gpt_peers.IN_JAX.items():
        if name == "autodiff" or installed(name):
            runs[name], memory[name] = compiled(*peer(HEADS, params, ids), ids)
    if installed("torch"):
        torch = partial(_gpt_peers.torch, HEADS, params, ids, RATE)
        runs |= {"torch": torch(compiled=False), "torch.compile": torch(compiled=True)}
    return runs, memory


def installed(name) -> bool:
    """Whether the library is there; a line says so where it is not."""
    found = importlib.util.find_spec(name) is not None
    if not found:
        print(f"{name} is not installed and left out.\n", flush=True)
    return found


def parts() -> dict[str, tuple[int, Side]]:
    """Each part of a step, and how often the step has it."""
    rng = np.random.default_rng(0)
    drawn = lambda *shape: jnp.asarray(rng.normal(size=shape) / math.sqrt(shape[-1]), jnp.float32)
    ids = jnp.asarray(rng.integers(0, VOCABULARY, (BATCH, LENGTH - 1)), jnp.int32)
    x, heads = drawn(BATCH, LENGTH, WIDTH), drawn(BATCH, LENGTH, HEADS, WIDTH // HEADS)
    w_in, w_out, w, head = (
        drawn(*s) for s in ((WIDTH, 4 * WIDTH), (4 * WIDTH, WIDTH), (WIDTH, WIDTH), (WIDTH, VOCABULARY))
    )
    attention = partial(fn.rules.dot_product_attention, is_causal=True)
    positions = jnp.arange(LENGTH, dtype=jnp.int32)
    mlp = partial(fn.rules.mlp, activation=fn.rules.gelu)
    return {
        "the MLPs": (LAYERS, side(mlp, (x, w_in, w_out, drawn(4 * WIDTH), drawn(WIDTH)))),
        "queries, keys, values and outputs": (4 * LAYERS, side(fn.rules.linear, (x, w))),
        "attention": (LAYERS, side(attention, (heads, heads, heads))),
        "rotations": (2 * LAYERS, side(lambda a: fn.rules.rope(a, positions), (heads,))),
        "normalisations": (2 * LAYERS + 1, side(fn.rules.layer_norm, (x, drawn(WIDTH), drawn(WIDTH)))),
        "the loss": (1, side(lambda x, w: fn.losses.linear_cross_entropy((x, w), ids), (x[:, 1:], head))),
    }


def product() -> Side:
    """One of the products of an MLP."""
    a, b = jnp.ones((ROWS, WIDTH), jnp.float32), jnp.ones((WIDTH, 4 * WIDTH), jnp.float32)
    program = jax.jit(jnp.matmul).lower(a, b).compile()
    return Side(lambda: jax.block_until_ready(program(a, b)), 0)


def arithmetic() -> float:
    """How many products of an MLP have as many multiplications as all products of a step, forward and backward."""
    blocks = -(-LENGTH // 128)  # attention's tiles, of which those beyond the diagonal are left out
    of_layer = 3 * ROWS * (4 * WIDTH * WIDTH + 2 * 4 * WIDTH * WIDTH)
    of_attention = 7 * BATCH * LENGTH * LENGTH * WIDTH * (blocks + 1) / (2 * blocks)
    of_loss = 3 * (ROWS - BATCH) * WIDTH * VOCABULARY
    return (LAYERS * (of_layer + of_attention) + of_loss) / (ROWS * WIDTH * 4 * WIDTH)


def where_time_goes(run, rounds) -> None:
    """A table of the step's parts."""
    found = parts() | {"product": (round(arithmetic()), product())}
    timed = {name: partial(repeated, one, times) for name, (times, one) in found.items()} | {
        "step": partial(seconds, run)
    }
    in_turn(timed, 1)
    samples = in_turn(timed, rounds)
    shares = {name: ratio(samples, name, "step") for name in found}
    arithmetics = shares.pop("product")
    shares["the scan, the embedding, the update"] = 1 - sum(shares.values())
    table(["part", "of the step's time"], [[name, f"{share:.0%}"] for name, share in shares.items()])
    print(
        f"All products, at the rate of an MLP's product by itself: {arithmetics:.0%} of the step's time.\n", flush=True
    )


def compared(samples: Samples, memory) -> None:
    """The tables of all, and of what is claimed."""
    fastest = min((name for name in memory if name != "rules"), key=lambda name: statistics.median(samples[name]))
    rows = [
        [
            name,
            spread([1e3 * s for s in times], 0),
            f"{ratio(samples, name, fastest):.2f}",
            f"{memory.get(name, math.nan):.0f}",
        ]
        for name, times in samples.items()
    ]
    table(["", "ms a step", f"by {fastest}'s", "temporary MiB"], rows)
    rows = [
        [f"a step's time, by {fastest}'s, the fastest JAX peer", *at_most(TIME, ratio(samples, "rules", fastest))],
        [f"temporary memory, by {fastest}'s", *at_most(MEMORY, memory["rules"] / memory[fastest])],
    ]
    for name in ("torch", "torch.compile"):
        if name in samples:
            rows.append([f"a step's time, by {name}'s", *at_most(TORCH, ratio(samples, "rules", name))])
    table(["claim", "bar", "measured", ""], rows)


def main(rounds: int = 7) -> None:
    title(__doc__ or "")
    ids = jnp.asarray(np.random.default_rng(0).integers(0, VOCABULARY, (BATCH, LENGTH)), jnp.int32)
    params = fn.gpt(VOCABULARY, WIDTH, LAYERS, HEADS).init(jax.random.key(0), ids)
    runs, memory = programs(params, ids)
    values = {name: run() for name, run in runs.items()}
    assert max(values.values()) - min(values.values()) < 1e-3, values
    compared(in_turn({name: partial(seconds, run) for name, run in runs.items()}, rounds), memory)
    where_time_goes(runs["rules"], rounds)


if __name__ == "__main__":
    run_script(main)
