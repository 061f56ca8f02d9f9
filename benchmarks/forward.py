"""P9: forward mode through each rule, by `fn.forward`, beside the `jax.jvp` of its reference, and of its own forward.

A ratio is the rule's time by the other's. The bar is 1.5 times the reference's, for every rule; a reference that is ten
times slower, or needs a gigabyte, is not timed. Its own forward, without rules, is the stricter peer: there memory is
compared, too. Memory is what XLA plans, exact and repeatable, and is left out where neither side needs more than 64 KiB.
Value and tangent are computed in one program, along all floating arguments. The rule's value alone is timed as well: no
tangent can make up for what it takes. Rules that are meant to differ from the derivative are left out.

Run: python -m benchmarks.forward [--only name ...] [--rounds 7]
"""

import math
import statistics
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from tqdm import tqdm

import funcnn as fn
from benchmarks._measure import at_most, in_turn, ratio, run_script, seconds, table, title
from benchmarks.rules import LONG_ENOUGH, SMALL, Side, of_floats, repeated
from funcnn.rules._catalogue import catalogue, draw

BAR = 1.5
SLOW = 10  # times the rule's time: what is slower need not be timed
HUGE = 2**30  # bytes of temporary memory


def side(f, args, tangent: bool = True) -> Side:
    """Compile f's value, with its tangent along random tangents of the floating arguments or alone."""
    g, floats = of_floats(f, args)
    rng = np.random.default_rng(0)
    floats_dot = tuple(jnp.asarray(rng.normal(size=a.shape), a.dtype) for a in floats)
    program, given = (partial(jax.jvp, g), (floats, floats_dot)) if tangent else (g, floats)
    compiled = jax.jit(program).lower(*given).compile()
    return Side(lambda: jax.block_until_ready(compiled(*given)), compiled.memory_analysis().temp_size_in_bytes)


def measure(name: str, rounds: int) -> list[float | None]:
    """The rule's time by the reference's, its value's by that; time and temporary memory by its own forward's."""
    entry = catalogue[name]
    options, args = entry.large.options, draw(entry.large, 0)
    f, reference = entry.bind(options), entry.bind(options, reference=True)
    sides = {"rule": side(fn.forward(f), args), "autodiff": side(fn.verify.without_rules(f), args)}
    sides["value"] = side(f, args, tangent=False)
    other = side(reference, args)
    once = {who: (seconds(one.run), seconds(one.run))[1] for who, one in sides.items()}  # the first is to warm up
    if other.temporary < HUGE and (seconds(other.run), seconds(other.run))[1] < SLOW * once["rule"]:
        sides["reference"] = other
    calls = math.ceil(LONG_ENOUGH / once["rule"])
    contestants = {who: partial(repeated, one, calls) for who, one in sides.items()}
    in_turn(contestants, 1)
    samples = in_turn(contestants, rounds)
    both = sides["rule"].temporary, sides["autodiff"].temporary
    return [
        *(ratio(samples, who, "reference") if "reference" in sides else None for who in ("rule", "value")),
        ratio(samples, "rule", "autodiff"),
        None if max(both) < SMALL else both[0] / max(both[1], SMALL),
    ]


def main(only=(), rounds: int = 7) -> None:
    title(__doc__)
    names = [n for n, entry in catalogue.items() if entry.linear and not entry.surrogate and (not only or n in only)]
    found = {name: measure(name, rounds) for name in tqdm(names, unit="rule")}
    shown = lambda value: "-" if value is None else f"{value:.2f}"
    reference, own = "the reference's", "its own forward's"
    columns = ["rule", f"time by {reference}", f"value alone by {reference}", f"time by {own}", f"memory by {own}"]
    table(columns, [[name, *map(shown, ratios)] for name, ratios in found.items()])
    rows = []
    for i, peer in ((0, "its reference"), (2, "its own forward")):
        beside = {name: ratios[i] for name, ratios in found.items() if ratios[i] is not None}
        if beside:
            above = [name for name, value in beside.items() if value > BAR]
            what = f"the slowest of {len(beside)} beside {peer}; {len(above)} above the bar: {', '.join(above)}"
            rows.append([what.removesuffix(": "), *at_most(BAR, max(beside.values()))])
            rows.append([f"the median beside {peer}", *at_most(BAR, statistics.median(beside.values()))])
    table(["what", "bar", "measured", ""], rows)


if __name__ == "__main__":
    run_script(main)
