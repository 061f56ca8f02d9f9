"""P13: rnn, gru and lstm, forward and backward, beside a plain scan's autodiff, flax's, equinox's and PyTorch's.

Float32. Memory is what XLA plans for the compiled program, exact and repeatable. PyTorch is a peer where it is installed.
There are two limits, each the time of the products alone: three of x's weights and three of h's. In the first each is
taken once for all of time. In the second h's product with its weight, and the cotangent's, are taken step by step.

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


def torchs(name):
    """A call of PyTorch's forward and backward pass; None where it is not installed."""
    try:
        import torch
    except ImportError:
        return None
    layer = getattr(torch.nn, name.upper())(WIDTH, WIDTH, batch_first=True)
    x, y_bar = (torch.from_numpy(np.array(drawn(BATCH, TIME, WIDTH))) for _ in range(2))
    arrays = [x.requires_grad_(), *layer.parameters()]
    return lambda: torch.autograd.grad(layer(x)[0], arrays, y_bar)


def products(name, step_by_step: bool = False):
    """A call of the products alone; if so asked, those that h's recurrence makes in order are taken step by step."""
    gates = GATES[name] * WIDTH
    x, w, a = drawn(TIME, BATCH, WIDTH), drawn(WIDTH, gates), drawn(TIME, BATCH, gates)
    rows = lambda a: a.reshape(-1, a.shape[-1])
    at_once = lambda a, w: rows(a) @ w
    by_step = lambda a, w: jax.lax.map(lambda a: a @ w, a)
    both = [
        jax.jit(lambda x, w, w_t, a, taken=taken: (taken(x, w), taken(a, w_t), rows(x).T @ rows(a)))
        for taken in (at_once, by_step if step_by_step else at_once)
    ]
    return lambda w_t=w.T: [jax.block_until_ready(f(x, w, w_t, a)) for f in both]


def of_rule(name, rounds) -> list[tuple[object, ...]]:
    ours, autodiff = side(getattr(rules, name), arguments(name)), side(plain(name), arguments(name))
    sides = {"autodiff": autodiff, "flax": flaxs(name)} | ({"equinox": equinoxs(name)} if name in EQUINOX else {})
    peers = {peer: one.run for peer, one in sides.items()} | ({"PyTorch": run} if (run := torchs(name)) else {})
    limits = {
        "the products alone": products(name),
        "the products alone, those of h step by step,": products(name, step_by_step=True),
    }
    timed = {what: partial(seconds, f) for what, f in ({"ours": ours.run} | limits | peers).items()}
    in_turn(timed, 2)
    samples = in_turn(timed, rounds)
    bars = dict.fromkeys(sides, 0.6) | {"PyTorch": 1.0}
    return [
        *((f"{name}: time by {peer}'s", *at_most(bars[peer], ratio(samples, "ours", peer))) for peer in peers),
        *(
            (f"{name}: time of {limit} by flax's", "the limit", f"{ratio(samples, limit, 'flax'):.2f}×", "")
            for limit in limits
        ),
        (f"{name}: temporary memory by autodiff's", *at_most(0.5, ours.temporary / autodiff.temporary)),
    ]


def main(rounds: int = 7) -> None:
    title(__doc__)
    print(f"Batch {BATCH}, time {TIME}, width {WIDTH}.\n")
    table(("what", "bar", "measured", ""), [row for name in GATES for row in of_rule(name, rounds)])


if __name__ == "__main__":
    run_script(main)
