"""P3: a small GPT, one SGD step by our rules beside autodiff JAX of the same model.

Vocabulary 8,192, width 256, 6 layers, 4 heads, length 512, batch 4. The peer has the same parameters, `jax.nn`'s functions
and a loop over layers; `jax.grad` differentiates it. Both must give the same loss. Time is in turn, the median of the
rounds' ratios; temporary memory is what XLA plans for the step.

Run: python -m benchmarks.gpt [--rounds 7]
"""

import argparse
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

import funcnn as fn
from benchmarks._measure import at_most, header, in_turn, ratio, seconds, table, title

VOCABULARY, WIDTH, LAYERS, HEADS, LENGTH, BATCH = 8192, 256, 6, 4, 512, 4
TIME, MEMORY = 0.5, 0.35
RATE = 0.1


def ours(model, params, ids):
    """The loss by this library's layers and rules, without the logits of all positions."""
    x, w = model.apply(params, ids)
    return fn.losses.linear_cross_entropy((x[:, :-1], w), ids[:, 1:])


def by_autodiff(params, ids):
    """The same loss in plain JAX."""
    table, rest = params["shared"]["table"], params["rest"]["decoder"]
    x = table[ids]
    for i in range(LAYERS):
        x = _block(jax.tree.map(lambda a, i=i: a[i], rest["blocks"]), x)
    logits = _norm(rest["norm"], x)[:, :-1] @ table.T
    picked = jnp.take_along_axis(logits, ids[:, 1:, None], -1)[..., 0]
    return jnp.mean(jax.nn.logsumexp(logits, -1) - picked)


def _block(p, x):
    layer = p["attention"]["layer"]
    h = _norm(p["attention"]["norm"], x)
    q, k, v = ((h @ layer[f"w_{name}"]).reshape(*h.shape[:2], HEADS, -1) for name in ("query", "key", "value"))
    y = jax.nn.dot_product_attention(_rope(q), _rope(k), v, is_causal=True)
    x = x + y.reshape(x.shape) @ layer["w_out"]
    layer = p["mlp"]["layer"]
    h = jax.nn.gelu(_norm(p["mlp"]["norm"], x) @ layer["w_in"] + layer["b_in"])
    return x + h @ layer["w_out"] + layer["b_out"]


def _norm(p, x):
    return jax.nn.standardize(x, epsilon=1e-5) * p["scale"] + p["shift"]


def _rope(x):
    half = x.shape[-1] // 2
    theta = jnp.arange(x.shape[1])[:, None, None] * 10_000.0 ** (-jnp.arange(half) / half)
    a, b = x[..., :half], x[..., half:]
    return jnp.concatenate([a * jnp.cos(theta) - b * jnp.sin(theta), b * jnp.cos(theta) + a * jnp.sin(theta)], -1)


def step(loss, params, ids):
    """The loss, and the parameters after one step of SGD."""
    value, gradient = jax.value_and_grad(loss)(params, ids)
    return value, jax.tree.map(lambda p, g: p - RATE * g, params, gradient)


def main(rounds: int = 7) -> None:
    title(__doc__ or "")
    model = fn.gpt(VOCABULARY, WIDTH, LAYERS, HEADS, logits=False)
    ids = jnp.asarray(np.random.default_rng(0).integers(0, VOCABULARY, (BATCH, LENGTH)), jnp.int32)
    params = model.init(jax.random.key(0), ids)
    losses = {"rules": partial(ours, model), "autodiff": by_autodiff}
    programs = {who: jax.jit(partial(step, loss)).lower(params, ids).compile() for who, loss in losses.items()}
    values = {who: float(program(params, ids)[0]) for who, program in programs.items()}
    assert abs(values["rules"] - values["autodiff"]) < 1e-4, values
    run = lambda program: seconds(lambda: jax.block_until_ready(program(params, ids)))
    samples = in_turn({who: partial(run, program) for who, program in programs.items()}, rounds)
    planned = {who: program.memory_analysis() for who, program in programs.items()}
    memory = {who: plan.temp_size_in_bytes / 2**20 for who, plan in planned.items() if plan}
    rows = [
        ["a step's time, by autodiff's", *at_most(TIME, ratio(samples, "rules", "autodiff"))],
        ["temporary memory, by autodiff's", *at_most(MEMORY, memory["rules"] / memory["autodiff"])],
    ]
    table(["claim", "bar", "measured", ""], rows)
    print(f"Temporary memory: rules {memory['rules']:.0f} MiB, autodiff {memory['autodiff']:.0f} MiB.\n", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    header()
    main(parser.parse_args().rounds)
