"""GPT-2 small's shape: a step takes little more than its products and its optimizer's bytes.

124 million parameters, batch 4, length 64, AdamW. A weight takes part in three products, one forward and two backward.
AdamW reads it, its gradient and two moments and writes three of them: seven numbers. What that takes at least is measured
in turn with the step: products at the rate of a large square one, bytes at that of a large array changed in place.

Run: python -m benchmarks.gpt2 [--rounds 7]
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

import funcnn as fn
from benchmarks._measure import at_most, in_turn, ratio, run_script, seconds, spread, table, title

VOCABULARY, WIDTH, LAYERS, HEADS, LENGTH, BATCH = 50_257, 768, 12, 12, 64, 4
SQUARE, NUMBERS = 2048, 2**26
BAR = 1.2


class Kept:
    """A value that a function changes in place: each call takes it, and keeps the new one."""

    def __init__(self, function, value):
        self.function, self.value = function, value

    def __call__(self) -> float:
        def run():
            self.value = jax.block_until_ready(self.function(self.value))

        return seconds(run)


def main(rounds: int = 7) -> None:
    title(__doc__ or "")
    model = fn.gpt(VOCABULARY, WIDTH, LAYERS, HEADS, logits=False)
    ids = jnp.asarray(np.random.default_rng(0).integers(0, VOCABULARY, (BATCH, LENGTH + 1)), jnp.int32)
    batch, optimizer = (ids[:, :-1], ids[:, 1:]), optax.adamw(1e-4)
    step = fn.make_step(model, fn.losses.linear_cross_entropy, optimizer)
    state = fn.TrainState.create(model, optimizer, jax.random.key(0), batch[0])
    size = sum(a.size for a in jax.tree.leaves(state.params))

    stepping = Kept(lambda state: step(state, batch)[0], state)
    a = jnp.full((SQUARE, SQUARE), 1 / SQUARE)
    product = Kept(jax.jit(partial(jnp.matmul, a)), a)
    in_place = Kept(jax.jit(lambda x: x + 1, donate_argnums=0), jnp.zeros(NUMBERS))
    flop, numbers = 6 * BATCH * LENGTH * size, 7 * size
    contestants = {
        "step": stepping,
        "products": lambda: product() * flop / (2 * SQUARE**3),
        "bytes": lambda: in_place() * numbers / (2 * NUMBERS),
    }
    samples = in_turn(contestants, 1 + rounds)
    samples = {name: values[1:] for name, values in samples.items()}  # the first compiles
    samples["least"] = [sum(both) for both in zip(samples["products"], samples["bytes"], strict=True)]
    claim = f"a step of {size / 1e6:.0f} million parameters, by its products and AdamW's bytes"
    table(["claim", "bar", "measured", ""], [[claim, *at_most(BAR, ratio(samples, "step", "least"))]])
    print("Seconds:", ", ".join(f"{name} {spread(values)}" for name, values in samples.items()), flush=True)


if __name__ == "__main__":
    run_script(main)
