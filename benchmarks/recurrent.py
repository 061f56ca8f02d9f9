"""P13: rnn, gru and lstm, forward and backward, beside autodiff of a plain scan, and beside flax's and equinox's.

Float32. Memory is what XLA plans for the compiled program, exact and repeatable. The limit is the time of the products
alone, each of which is taken once for all of time: three of x's weights and three of h's.

Run: python -m benchmarks.recurrent [--rounds 7]
"""

from functools import partial

import equinox as eqx
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from funcnn import rules

from ._measure import at_most, in_turn, ratio, run_script, seconds, table, title
from .rules import Side, side

BATCH, TIME, WIDTH = 32, 128, 256
GATES = {"rnn": 1, "gru": 3, "lstm": 4}
LINEN = {"rnn": nn.SimpleCell, "gru": nn.GRUCell, "lstm": nn.OptimizedLSTMCell}
EQUINOX = {"gru": eqx.nn.GRUCell, "lstm": eqx.nn.LSTMCell}  # it has no simple one


def drawn(*shape, scale=1.0):
    rng = np.random.default_rng(sum(shape))
    return jnp.asarray(scale * rng.normal(size=shape), jnp.float32)


def arguments(name):
    """x, the first carry, weights and biases."""
    gates = GATES[name] * WIDTH
    carry = [drawn(BATCH, WIDTH)] * (2 if name == "lstm" else 1)
    weights = [drawn(WIDTH, gates, scale=WIDTH**-0.5)] * 2
    return drawn(BATCH, TIME, WIDTH), *carry, *weights, *[jnp.zeros(gates)] * (2 if name == "gru" else 1)


def plain(name):
    """A scan over time, as one writes it, for autodiff."""

    def rnn(carry, x, w_x, w_h, b):
        return (jnp.tanh(x @ w_x + carry[0] @ w_h + b),)

    def gru(carry, x, w_x, w_h, b_x, b_h):
        (h,) = carry
        p, q = (jnp.split(a, 3, -1) for a in (x @ w_x + b_x, h @ w_h + b_h))
        r, z = jax.nn.sigmoid(p[0] + q[0]), jax.nn.sigmoid(p[1] + q[1])
        return ((1 - z) * jnp.tanh(p[2] + r * q[2]) + z * h,)

    def lstm(carry, x, w_x, w_h, b):
        i, f, g, o = jnp.split(x @ w_x + carry[0] @ w_h + b, 4, -1)
        c = jax.nn.sigmoid(f) * carry[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c

    step, carries = {"rnn": rnn, "gru": gru, "lstm": lstm}[name], 2 if name == "lstm" else 1

    def run(x, *rest):
        def one(carry, x):
            carry = step(carry, x, *rest[carries:])
            return carry, carry[0]

        carry, y = jax.lax.scan(one, rest[:carries], x.swapaxes(0, 1))
        return y.swapaxes(0, 1), carry

    return run


def flaxs(name) -> Side:
    module, x = nn.RNN(LINEN[name](WIDTH)), drawn(BATCH, TIME, WIDTH)
    return side(lambda x, params: module.apply(params, x), (x, module.init(jax.random.key(0), x)))


def equinoxs(name) -> Side:
    cell = EQUINOX[name](WIDTH, WIDTH, key=jax.random.key(0))
    arrays, static = eqx.partition(cell, eqx.is_array)

    def run(x, arrays):
        cell = eqx.combine(arrays, static)
        start = jnp.zeros(WIDTH)

        def one(carry, x):
            carry = cell(x, carry)
            return carry, carry[0] if name == "lstm" else carry

        return jax.vmap(lambda x: jax.lax.scan(one, (start, start) if name == "lstm" else start, x)[1])(x)

    return side(run, (drawn(BATCH, TIME, WIDTH), arrays))


def products(name):
    """The products alone: a jitted function of rows, weights and the cotangent of pre-activations."""
    rows, gates = BATCH * TIME, GATES[name] * WIDTH
    x, w, a = drawn(rows, WIDTH), drawn(WIDTH, gates), drawn(rows, gates)
    one = jax.jit(lambda x, w, a: (x @ w, a @ w.T, x.T @ a))
    return lambda: [jax.block_until_ready(one(x, w, a)) for _ in range(2)]


def of_rule(name, rounds) -> list[tuple[object, ...]]:
    ours, autodiff = side(getattr(rules, name), arguments(name)), side(plain(name), arguments(name))
    sides = {"autodiff": autodiff, "flax": flaxs(name)} | ({"equinox": equinoxs(name)} if name in EQUINOX else {})
    run = {"ours": ours.run, "products": products(name)} | {peer: one.run for peer, one in sides.items()}
    timed = {what: partial(seconds, f) for what, f in run.items()}
    in_turn(timed, 2)
    samples = in_turn(timed, rounds)
    memory = at_most(0.5, ours.temporary / autodiff.temporary)
    return [
        *((f"{name}: time by {peer}'s", *at_most(0.6, ratio(samples, "ours", peer))) for peer in sides),
        (
            f"{name}: time of the products alone by flax's",
            "the limit",
            f"{ratio(samples, 'products', 'flax'):.2f}×",
            "",
        ),
        (f"{name}: temporary memory by autodiff's", *memory),
    ]


def main(rounds: int = 7) -> None:
    title(__doc__)
    print(f"Batch {BATCH}, time {TIME}, width {WIDTH}.\n")
    table(("what", "bar", "measured", ""), [row for name in GATES for row in of_rule(name, rounds)])


if __name__ == "__main__":
    run_script(main)
