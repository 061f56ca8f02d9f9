"""P6: the same block 48 times compiles in about the time of 2.

The program is the gradient of a stack of transformer blocks: traced, lowered and compiled anew each time.

Run: python -m benchmarks.repeat [--rounds 7]
"""

from functools import partial

import jax
import jax.numpy as jnp

import funcnn as fn
from benchmarks._measure import at_most, in_turn, ratio, run_script, seconds, table, title

FEW, MANY, BAR = 2, 48, 1.2
WIDTH, LENGTH, BATCH = 64, 32, 2


def compiling(n: int) -> float:
    """How long it takes to compile the gradient of n blocks."""
    block = fn.transformer_block(fn.attention(4, causal=True, rope=True), fn.mlp(4 * WIDTH))
    model, x = fn.repeat(block, n), jax.ShapeDtypeStruct((BATCH, LENGTH, WIDTH), jnp.float32)
    params = jax.eval_shape(model.init, jax.random.key(0), x)
    gradient = jax.jit(jax.grad(lambda params, x: jnp.sum(model.apply(params, x) ** 2)))
    return seconds(lambda: gradient.lower(params, x).compile())


def main(rounds: int = 7) -> None:
    title(__doc__ or "")
    samples = in_turn({str(n): partial(compiling, n) for n in (FEW, MANY)}, rounds)
    claim = f"compiling {MANY} blocks, by compiling {FEW}"
    table(["claim", "bar", "measured", ""], [[claim, *at_most(BAR, ratio(samples, str(MANY), str(FEW)))]])


if __name__ == "__main__":
    run_script(main)
