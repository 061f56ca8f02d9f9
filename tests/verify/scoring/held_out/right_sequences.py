"""Right rules of paths, filters, spectra, graphs and layers in balance."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, right, rule, wide

cases: list[Case] = []


@right(cases, "S5")
def best_path_score():
    """The score of the best path through states [time, state]; its first one where several are best."""

    def f(scores, moves):
        moves = wide(moves).reshape(scores.shape[1], scores.shape[1])

        def step(best, score):
            return jnp.max(best[:, None] + moves, axis=0) + score, None

        return jnp.max(jax.lax.scan(step, wide(scores[0]), wide(scores[1:]))[0]).astype(scores.dtype)

    def fwd(scores, moves):
        def step(best, score):
            ways = best[:, None] + wide(moves)
            return jnp.max(ways, axis=0) + score, jnp.argmax(ways, axis=0)

        last, origin = jax.lax.scan(step, wide(scores[0]), wide(scores[1:]))
        end = jnp.argmax(last)
        first, path = jax.lax.scan(lambda at, came: (came[at], at), end, origin, reverse=True)
        return jnp.max(last).astype(scores.dtype), (jnp.concatenate([first[None], path]), scores, moves)

    def bwd(kept, bar):
        path, scores, moves = kept
        scores_bar = jax.nn.one_hot(path, len(moves), dtype=scores.dtype) * bar
        steps = jnp.zeros(moves.shape, jnp.int32).at[path[:-1], path[1:]].add(1)
        return scores_bar, (steps.astype(wide(bar).dtype) * wide(bar)).astype(moves.dtype)

    return rule(f, fwd, bwd), (normal(6, 3), normal(3, 3, seed=1))


@right(cases, "S5")
def running_maximum_from_places():
    """Each record answers for all that it stands for; of equal numbers the first is the record."""

    def f(x):
        (_,) = x.shape
        return jax.lax.cummax(x)

    def fwd(x):
        y = f(x)
        fresh = jnp.concatenate([jnp.ones_like(x[:1], bool), y[1:] > y[:-1]])
        return y, jax.lax.cummax(jnp.where(fresh, jnp.arange(len(x)), 0))

    def bwd(places, y_bar):
        return (jnp.zeros_like(wide(y_bar)).at[places].add(wide(y_bar)).astype(y_bar.dtype),)

    return rule(f, fwd, bwd), (normal(10),)


class Level(NamedTuple):
    mean: jax.Array
    variance: jax.Array


@right(cases, "S7")
def kalman_filter_replayed():
    """Means and variances of a local level; each step is run again and derived on the way back."""

    def step(noises, state, seen):
        variance = state.variance + jnp.exp(noises["drift"])
        gain = variance / (variance + jnp.exp(noises["noise"]))
        return Level(state.mean + gain * (seen - state.mean), (1 - gain) * variance)

    def run(noises, seen):
        def forward(state, y):
            after = step(noises, state, y)
            return after, (state, after)

        start = Level(jnp.zeros_like(seen, shape=()), jnp.ones_like(seen, shape=()))
        return jax.lax.scan(forward, start, seen)[1]

    def f(noises, seen):
        after = run(jax.tree.map(wide, noises), wide(seen))[1]
        return jax.tree.map(lambda leaf: leaf.astype(seen.dtype), after)

    def fwd(noises, seen):
        before, after = run(jax.tree.map(wide, noises), wide(seen))
        return jax.tree.map(lambda leaf: leaf.astype(seen.dtype), after), (noises, seen, before)

    def bwd(kept, bars):
        noises, seen, before = kept
        broad = jax.tree.map(wide, noises)

        def backward(carry, at):
            later, total = carry
            state, y, bar = at
            _, pull = jax.vjp(step, broad, state, y)
            noises_bar, state_bar, y_bar = pull(jax.tree.map(jnp.add, later, bar))
            return (state_bar, jax.tree.map(jnp.add, total, noises_bar)), y_bar

        none = Level(jnp.zeros_like(before.mean, shape=()), jnp.zeros_like(before.mean, shape=()))
        start = none, jax.tree.map(jnp.zeros_like, broad)
        after = before, wide(seen), jax.tree.map(wide, bars)
        (_, total), seen_bar = jax.lax.scan(backward, start, after, reverse=True)
        return jax.tree.map(lambda bar, leaf: bar.astype(leaf.dtype), total, noises), seen_bar.astype(seen.dtype)

    return rule(f, fwd, bwd), ({"drift": jnp.float32(-1.0), "noise": jnp.float32(0.0)}, normal(8))


@right(cases, "S9")
def power_spectrum_of_any_length():
    """|rfft x|²; an inverse real transform counts inner frequencies twice, and is halved for it."""

    def f(x):
        spectrum = jnp.fft.rfft(wide(x))
        return (jnp.real(spectrum) ** 2 + jnp.imag(spectrum) ** 2).astype(x.dtype)

    def bwd(x, bar):
        n = x.shape[-1]
        share = np.full(n // 2 + 1, 0.5)
        share[0] = 1.0
        if n % 2 == 0:
            share[-1] = 1.0
        weight = wide(bar) * jnp.broadcast_to(jnp.asarray(share, wide(x).dtype), bar.shape)
        spectrum = jnp.fft.rfft(wide(x))
        back = jax.lax.complex(weight * jnp.real(spectrum), weight * jnp.imag(spectrum))
        return ((2 * n * jnp.fft.irfft(back, n)).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(3, 9),)


@right(cases, "S10")
def causal_convolution_by_fft():
    """A signal and a kernel of any lengths, in transforms with room for both."""

    def spectra(*signals):
        room = sum(len(s) for s in signals[:2])
        return room, [jnp.fft.rfft(wide(s), room) for s in signals]

    def f(x, kernel):
        (_,), (_,) = x.shape, kernel.shape
        room, (a, b) = spectra(x, kernel)
        return jnp.fft.irfft(a * b, room)[: len(x)].astype(x.dtype)

    def bwd(kept, y_bar):
        x, kernel = kept
        room, (a, b, bar) = spectra(x, kernel, y_bar)
        x_bar, kernel_bar = jnp.fft.irfft(bar * jnp.conj(b), room), jnp.fft.irfft(bar * jnp.conj(a), room)
        return x_bar[: len(x)].astype(x.dtype), kernel_bar[: len(kernel)].astype(kernel.dtype)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(12), normal(5, seed=1))


@right(cases, "S8")
def layer_in_balance():
    """y = tanh(A y + x), A = tanh(w) / 2 n, by sixty rounds; the slope by one linear solve."""

    def pull_together(w):
        return 0.5 * jnp.tanh(w) / len(w)

    def settle(w, x):
        return jax.lax.fori_loop(0, 60, lambda _, y: jnp.tanh(pull_together(w) @ y + x), jnp.zeros_like(x))

    def f(w, x):
        (n,) = x.shape
        return settle(wide(w).reshape(n, n), wide(x)).astype(x.dtype)

    def bwd(args, bar):
        w, x = map(wide, args)
        y = settle(w, x)
        slope = 1 - y * y
        eye = jnp.eye(len(x), dtype=x.dtype)
        x_bar = slope * jnp.linalg.solve(eye - pull_together(w).T * slope[None, :], wide(bar))
        w_bar = jnp.outer(x_bar, y) * 0.5 * (1 - jnp.tanh(w) ** 2) / len(w)
        return w_bar.astype(args[0].dtype), x_bar.astype(args[1].dtype)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 4), normal(4, seed=1))


@right(cases, "S0")
def edge_messages_in_a_dict():
    """Weighted sums over a graph's edges, whose two ends are integers in the same dict as the weights."""

    def f(nodes, edges):
        start, end = jnp.stack([edges["from"], edges["to"]])
        sent = wide(nodes)[start] * wide(edges["weight"]).reshape(len(start), 1)
        return jnp.zeros_like(wide(nodes)).at[end].add(sent).astype(nodes.dtype)

    def bwd(kept, bar):
        nodes, edges = kept
        back = wide(bar)[edges["to"]]
        weight_bar = jnp.sum(back * wide(nodes)[edges["from"]], axis=-1)
        spread = jnp.zeros_like(wide(nodes)).at[edges["from"]].add(back * wide(edges["weight"])[:, None])
        none = {end: np.zeros(edges[end].shape, jax.dtypes.float0) for end in ("from", "to")}
        return spread.astype(nodes.dtype), none | {"weight": weight_bar.astype(edges["weight"].dtype)}

    ends = {"from": jnp.asarray([0, 1, 1, 3, 4, 2]), "to": jnp.asarray([1, 0, 2, 2, 4, 0])}
    return rule(f, lambda *args: (f(*args), args), bwd), (normal(5, 2), ends | {"weight": normal(6, seed=1)})


@right(cases, "S9")
def difference_of_an_order():
    """`jnp.diff` of a static order; backwards the same differences of a padded cotangent."""

    def f(x, order):
        return jnp.diff(x, n=order)

    def fwd(x, order):
        return f(x, order), jnp.zeros_like(x)

    def bwd(order, like, bar):
        n = like.shape[-1]
        for k in reversed(range(order)):
            if n > k:
                bar = -jnp.diff(jnp.pad(bar, [(0, 0)] * (bar.ndim - 1) + [(1, 1)]))
        return (bar,)

    return rule(f, fwd, bwd, nondiff_argnums=(1,)), (normal(3, 8), 2)
