"""R9 and P4: every rule against autodiff of its own forward, in time and in temporary memory, alone and in a scan of 8.

A ratio above 1 says that the rule is better: autodiff's time, or its temporary memory, by the rule's. Memory is what XLA
plans for the compiled program, exact and repeatable; where neither side needs more than 64 KiB it is not compared. The
scan is there twice: bare, and with a linear layer of one output after the rule, which keeps its input as any layer does.
Rules that are meant to differ from the derivative have nothing to be compared with, and are left out.

Run: python -m benchmarks.rules [--only name ...] [--rounds 7]
"""

import math
import statistics
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

from benchmarks._measure import in_turn, ratio, run_script, seconds, table, title
from funcnn.rules._catalogue import catalogue, draw
from funcnn.verify import without_rules

STEPS = 8
LONG_ENOUGH = 0.03  # seconds that one measurement takes at least
SMALL = 64 * 1024  # bytes of temporary memory below which two programs are alike


class Side(NamedTuple):
    """One compiled program: what runs it once, and its temporary memory in bytes."""

    run: Callable[[], object]
    temporary: int


def alone(f, args, batched):
    """Value and cotangents, in one program."""
    return f, args


def in_a_scan(f, args, batched):
    """The same, over 8 stacked copies of the arguments that have examples: what is kept is kept 8 times."""

    def over_steps(*args):
        step = lambda _, own: (None, f(*with_own(args, own, batched)))
        return jax.lax.scan(step, None, [args[i] for i in own_places(args, batched)])[1]

    return over_steps, stacked(args, batched)


def before_a_layer(f, args, batched):
    """The scan, with a linear layer after the rule: a y that the rule keeps is kept by the layer as well."""
    weights = jax.tree.map(lambda y: jnp.ones((STEPS, *y.shape[-1:]), y.dtype), jax.eval_shape(f, *args))

    def g(weights, *args):
        def step(_, own):
            w, own = own
            y = f(*with_own(args, own, batched))
            return None, jax.tree.map(lambda y, w: y @ w if y.ndim else y * w, y, w)

        return jax.lax.scan(step, None, (weights, [args[i] for i in own_places(args, batched)]))[1]

    return g, (weights, *stacked(args, batched))


def own_places(args, batched):
    """The places of the arguments that each step of a scan has of its own."""
    return [i for i in batched if i < len(args) and args[i] is not None]


def stacked(args, batched):
    """The arguments, those that have examples as copies for all steps."""
    return with_own(args, [jnp.stack([args[i]] * STEPS) for i in own_places(args, batched)], batched)


def with_own(args, own, batched):
    """The arguments with others in the places of those that have examples."""
    full = dict(enumerate(args)) | dict(zip(own_places(args, batched), own, strict=True))
    return tuple(full.values())


def of_floats(f, args):
    """f as a function of its floating arrays alone, and these."""
    leaves, tree = jax.tree.flatten(args)
    places = [i for i, a in enumerate(leaves) if jnp.issubdtype(a.dtype, jnp.floating)]

    def g(*floats):
        full = list(leaves)
        for i, a in zip(places, floats, strict=True):
            full[i] = a
        return f(*jax.tree.unflatten(tree, full))

    return g, tuple(leaves[i] for i in places)


def side(f, args) -> Side:
    """Compile value and cotangents of the floating arguments, for a random cotangent."""
    g, floats = of_floats(f, args)

    def value_and_bars(floats, y_bar):
        y, vjp = jax.vjp(g, *floats)
        return y, vjp(y_bar)

    rng = np.random.default_rng(0)
    y_bar = jax.tree.map(lambda y: jnp.asarray(rng.normal(size=y.shape), y.dtype), jax.eval_shape(g, *floats))
    compiled = jax.jit(value_and_bars).lower(floats, y_bar).compile()
    return Side(lambda: jax.block_until_ready(compiled(floats, y_bar)), compiled.memory_analysis().temp_size_in_bytes)


def repeated(side: Side, calls: int) -> float:
    """How long some calls take, one after the other."""
    return seconds(lambda: [side.run() for _ in range(calls)])


def measure(name: str, rounds: int) -> list[float | None]:
    """Time and memory alone, in a scan, and there before a layer: autodiff's by the rule's."""
    entry = catalogue[name]
    example = entry.large
    ratios: list[float | None] = []
    for place in (alone, in_a_scan, before_a_layer):
        args = draw(example, 0)
        rule = entry.bind(example.options)
        by_rule, by_autodiff = (side(*place(f, args, entry.batched)) for f in (rule, without_rules(rule)))
        seconds(by_rule.run)  # warm
        calls = math.ceil(LONG_ENOUGH / seconds(by_rule.run))
        contestants = {"rule": partial(repeated, by_rule, calls), "autodiff": partial(repeated, by_autodiff, calls)}
        in_turn(contestants, 2)
        ratios.append(ratio(in_turn(contestants, rounds), "autodiff", "rule"))
        both = by_rule.temporary, by_autodiff.temporary
        ratios.append(None if max(both) < SMALL else both[1] / max(both[0], SMALL))
    return ratios


def shown(value: float | None) -> str:
    """A ratio, in bold where the rule wins clearly."""
    if value is None:
        return "-"
    return f"**{value:.2f}**" if value >= 1.5 else f"{value:.2f}"


def main(only=(), rounds: int = 7) -> None:
    title(__doc__)
    names = [name for name, entry in catalogue.items() if not entry.surrogate and (not only or name in only)]
    found = {name: measure(name, rounds) for name in tqdm(names, unit="rule")}
    columns = [
        "rule",
        *(f"{what}{where}" for where in ("", " in a scan", " before a layer") for what in ("time", "memory")),
    ]
    table(columns, [[name, *map(shown, ratios)] for name, ratios in found.items()])
    wins = [name for name, ratios in found.items() if any(r is not None and r >= 1.5 for r in ratios)]
    losses = {
        column: [name for name, ratios in found.items() if ratios[i] is not None and ratios[i] < 1 / 1.05]
        for i, column in enumerate(columns[1:])
    }
    print(f"{len(wins)} of {len(found)} rules win at least 1.5x in time or memory: {', '.join(wins) or 'none'}")
    for column, losers in losses.items():
        print(f"more than 1.05x autodiff's {column}: {', '.join(losers) or 'none'}")
    print(f"median ratio of time {statistics.median(r[0] for r in found.values()):.2f} alone, "
          f"{statistics.median(r[2] for r in found.values()):.2f} in a scan\n")  # fmt: skip


if __name__ == "__main__":
    run_script(main)
