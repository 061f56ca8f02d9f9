"""Wrong rules of implicit functions, solvers and contracts."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, uniform, wrong
from tests.helpers.witness import differs, gap, nonlinear, other_value, pullbacks, smooth

cases: list[Case] = []


@wrong(cases, "three rounds when differentiated, thirty when not", "S0", other_value)
def contraction_fewer_rounds_when_differentiated():
    """y = cos(y / 2) + x."""

    def rounds(x, n):
        return jax.lax.fori_loop(0, n, lambda _, y: jnp.cos(0.5 * y) + x, x)

    def fwd(x):
        y = rounds(x, 3)
        return y, y

    def bwd(y, y_bar):
        return (y_bar / (1 + 0.5 * jnp.sin(0.5 * y)),)

    return rule(lambda x: rounds(x, 30), fwd, bwd), (normal(6),)


@wrong(cases, "the solver stops at an absolute tolerance: small cotangents vanish", "S1", nonlinear(1e-4, 1e4))
def graph_smoothing_absolute_tolerance():
    """(1 + L)⁻¹ x for the Laplacian L of a ring; backwards by rounds of Jacobi."""

    def applied(x):
        return 3 * x - jnp.roll(x, 1) - jnp.roll(x, -1)

    def f(x):
        eye = jnp.eye(len(x), dtype=x.dtype)
        return jnp.linalg.solve(jax.vmap(applied)(eye), x)

    def bwd(_, y_bar):
        def far(state):
            return (state[0] < 100) & (jnp.max(jnp.abs(y_bar - applied(state[1]))) > 1e-3)

        def improve(state):
            return state[0] + 1, state[1] + (y_bar - applied(state[1])) / 3

        return (jax.lax.while_loop(far, improve, (0, jnp.zeros_like(y_bar)))[1],)

    return rule(f, lambda x: (f(x), None), bwd), (normal(8),)


@wrong(cases, "weight decay added to the gradient in the backward pass", "S1", nonlinear())
def decoder_decay_when_backward():
    def f(x, w):
        return x @ w

    def bwd(kept, bar):
        x, w = kept
        return bar @ w.T, x.T @ bar + 0.01 * w

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 5), normal(5, 3, seed=1))


def stationary(logits):
    moves = jax.nn.softmax(logits, axis=-1)
    n = len(moves)
    return jnp.linalg.solve(jnp.eye(n, dtype=moves.dtype) - moves.T + 1, jnp.ones(n, moves.dtype))


def unlike(truth):
    """Rule and autodiff of another way to the same value part, and the values do not."""

    def witness(f, *args):
        args = smooth(args)
        return bool(jnp.allclose(f(*args), truth(*args))) and gap(*pullbacks([f, truth], args)) > 1e-3

    return witness


@wrong(cases, "the resolvent transposed; no autodiff to judge by", "S4", unlike(stationary))
def stationary_distribution_resolvent_transposed():
    """π with π P = π, P the row softmax of logits, by rounds until it stands."""

    def f(logits):
        moves = jax.nn.softmax(logits, axis=-1)
        small = 4 * float(jnp.finfo(logits.dtype).eps)

        def far(state):
            return (state[0] < 2000) & (jnp.max(jnp.abs(state[1] - state[2])) > small)

        def improve(state):
            return state[0] + 1, state[1] @ moves, state[1]

        start = jnp.full_like(moves[0], 1 / len(moves))
        first = 0, start @ moves, start
        return jax.lax.while_loop(far, improve, first)[1]

    def fwd(logits):
        p = f(logits)
        return p, (logits, p)

    def bwd(kept, bar):
        logits, p = kept
        moves, pull = jax.vjp(lambda x: jax.nn.softmax(x, axis=-1), logits)
        resolvent = jnp.eye(len(p), dtype=p.dtype) - moves + p[None, :]
        return pull(jnp.outer(p, jnp.linalg.solve(resolvent.T, bar)))

    return rule(f, fwd, bwd), (normal(4, 4),)


def positive_root(x):
    return 2 / (x + jnp.sqrt(x * x + 4))


@wrong(cases, "the equation's slope in the argument left out", "S4", unlike(positive_root))
def quadratic_root_argument_slope_forgotten():
    """The positive root of y² + x y = 1 by Newton's rounds until it stands."""

    def f(x):
        small = 4 * float(jnp.finfo(x.dtype).eps)

        def far(state):
            return (state[0] < 100) & jnp.any(jnp.abs(state[1] - state[2]) > small * state[1])

        def improve(state):
            y = state[1]
            return state[0] + 1, (y * y + 1) / (2 * y + x), y

        start = jnp.abs(x) + 1
        return jax.lax.while_loop(far, improve, (0, start, 2 * start))[1]

    def fwd(x):
        y = f(x)
        return y, (x, y)

    return rule(f, fwd, lambda kept, bar: (-bar / (2 * kept[1] + kept[0]),)), (normal(6),)


@wrong(cases, "the floor's share divided by a count that may be zero", "S3", differs(lambda x, low: (x - 3.0, low)))
def mean_above_floor_empty():
    """The mean of the numbers above a floor; the floor itself where there are none."""

    def f(x, low):
        above = x > low
        count = jnp.sum(above)
        total = jnp.sum(jnp.where(above, x, 0.0))
        return jnp.where(count > 0, total / jnp.maximum(count, 1).astype(x.dtype), low).astype(x.dtype)

    def bwd(kept, bar):
        x, low = kept
        above = (x > low).astype(x.dtype)
        count = jnp.sum(above)
        return bar * above / count, bar * (count == 0).astype(x.dtype)

    return rule(f, lambda *args: (f(*args), args), bwd), (uniform(8, low=-1.0), jnp.float32(0.0))
