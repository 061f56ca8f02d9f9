"""Wrong rules that go wrong under a transformation only."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, pointwise, rule, uniform, wrong, zeros
from tests.helpers.witness import gap, pullback, raises

cases: list[Case] = []


@wrong(cases, "a Python branch on a value: not under jit", "S7", raises(jax.jit))
def leaky_relu_python_branch():
    def f(x):
        return jnp.where(x > 0, x, 0.1 * x)

    def bwd(x, y_bar):
        if (x > 0).all():
            return (y_bar,)
        return (y_bar * jnp.where(x > 0, 1.0, 0.1).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6),)


@wrong(cases, "NumPy on a traced value: not under jit", "S7", raises(jax.jit))
def square_by_numpy():
    return pointwise(lambda x: x * x, lambda x: jnp.asarray(2 * np.asarray(x))), (normal(4, 6),)


def wrong_under_vmap(f, x):
    """The gradient of a mapped function is not the mapped gradient of the bare one."""
    batch = jnp.stack([x, 3 * x + 1])
    return gap(pullback(jax.vmap(f), (batch,)), pullback(jax.vmap(f.__wrapped__), (batch,))) > 1e-3


@wrong(cases, "a callback that sums over the mapped axis too", "S7", wrong_under_vmap)
def normalise_callback_sums_all():
    """x / sum(x), its backward pass in NumPy."""

    def f(x):
        return x / jnp.sum(x)

    def host(x, y_bar):
        total = np.sum(x)
        return np.asarray(y_bar / total - np.sum(y_bar * x) / total**2, y_bar.dtype)

    def bwd(x, y_bar):
        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        return (jax.pure_callback(host, shape, x, y_bar, vmap_method="broadcast_all"),)

    return rule(f, lambda x: (f(x), x), bwd), (uniform(6),)


@wrong(cases, "the number of violators must be known: not under jit", "S7", raises(jax.jit))
def hinge_by_nonzero():
    def f(score, label):
        return jnp.mean(jnp.maximum(1 - score * label, 0.0))

    def bwd(residuals, y_bar):
        score, label = residuals
        hit = jnp.nonzero(score * label < 1)[0]
        share, none = -y_bar / len(score), jnp.zeros_like(score)
        return none.at[hit].set(share * label[hit]), none.at[hit].set(share * score[hit])

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6), jnp.sign(normal(6, seed=1)))


def fails_with_both_mapped(f, x, w):
    """Mapped over both arguments the gradient raises, and the bare function's does not."""
    both = jnp.stack([x, 2 * x, 3 * x]), jnp.stack([w, w, w])
    return raises(jax.vmap)(f, *both)


@wrong(cases, "a batching rule for mapped inputs and one shared weight only", "S7", fails_with_both_mapped)
def neuron_batching_rule_shared_weight():
    @jax.custom_batching.custom_vmap
    def slope(x, w):
        return 1 - jnp.tanh(jnp.sum(x * w)) ** 2

    @slope.def_vmap
    def _(_size, _batched, x, w):
        return 1 - jnp.tanh(x @ w) ** 2, True

    def f(x, w):
        return jnp.tanh(jnp.sum(x * w))

    def bwd(residuals, y_bar):
        x, w = residuals
        bar = y_bar * slope(x, w)
        return bar * w, bar * x

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6), normal(6, seed=1))


def each_gets_the_total(f, x, w):
    """Example by example the gradients of a shared weight are not the bare function's."""
    batch = jnp.stack([x, 2 * x, 3 * x])

    def each(g):
        return jax.vmap(lambda x: pullback(g, (x, w), compiled=False)[1])(batch)

    return gap([each(f)], [each(f.__wrapped__)]) > 1e-3


@wrong(cases, "a batching rule that adds up over the batch at once: no gradients by example", "S7", each_gets_the_total)
def phase_batching_rule_adds_up():
    @jax.custom_batching.custom_vmap
    def shift_bar(slope):
        return slope

    @shift_bar.def_vmap
    def _(_size, _batched, slope):
        return jnp.sum(slope, axis=0), False

    def f(x, shift):
        return jnp.sin(x + shift)

    def bwd(residuals, y_bar):
        slope = y_bar * jnp.cos(residuals[0] + residuals[1])
        return slope, shift_bar(slope)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6), zeros(6))


def twice_compiled(f):
    """Traced once, and then once more."""
    return lambda *args: [jax.jit(lambda *a: f(*a))(*args) for _ in range(2)]


@wrong(cases, "a cache keeps what was traced in another compilation", "S7", raises(twice_compiled))
def causal_mean_cached_mask():
    """Every row is the mean of the rows up to it; the backward pass keeps its matrix for each length."""

    def f(x):
        return jnp.cumsum(x, axis=0) / jnp.arange(1, len(x) + 1).astype(x.dtype)[:, None]

    @functools.cache
    def matrix(n):
        return jnp.tril(jnp.ones((n, n))) / jnp.arange(1.0, n + 1)[:, None]

    return rule(f, lambda x: (f(x), None), lambda _, y_bar: (matrix(len(y_bar)).T.astype(y_bar.dtype) @ y_bar,)), (
        normal(5, 3),
    )


def not_mapped(f, x):
    """`jax.vmap` of the gradient raises, and of the bare function's does not."""
    batch = jnp.stack([x, 2 * x])
    pullback(jax.vmap(f.__wrapped__), (batch,))
    try:
        pullback(jax.vmap(f), (batch,))
    except (NotImplementedError, ValueError):
        return True
    return False


@wrong(cases, "a callback without a batching rule: not under vmap", "S7", not_mapped)
def cube_root_slope_on_host():
    def host(x):
        return np.asarray(1 / (3 * np.cbrt(np.asarray(x)) ** 2), x.dtype)

    def bwd(x, y_bar):
        return (y_bar * jax.pure_callback(host, jax.ShapeDtypeStruct(x.shape, x.dtype), x),)

    return rule(lambda x: jnp.cbrt(x), lambda x: (jnp.cbrt(x), x), bwd), (uniform(6, low=0.5, high=4.0),)


def mapped_second(f):
    """The second argument mapped and the first shared."""
    return lambda first, second: jax.vmap(f, in_axes=(None, 0))(first, jnp.stack([second, 2 * second, 3 * second]))


@wrong(cases, "a batching rule that takes both arguments as mapped", "S7", raises(mapped_second))
def layer_both_mapped():
    """One row of a layer, tanh(w x), to be mapped over x by the user."""

    @jax.custom_batching.custom_vmap
    def back(w, bar):
        return w.T @ bar

    @back.def_vmap
    def _(_size, _batched, w, bar):
        return jnp.einsum("bij,bi->bj", w, bar), True

    def fwd(w, x):
        y = jnp.tanh(w @ x)
        return y, (w, x, y)

    def bwd(residuals, y_bar):
        w, x, y = residuals
        u_bar = y_bar * (1 - y * y)
        return u_bar[:, None] * x[None, :], back(w, u_bar)

    return rule(lambda w, x: jnp.tanh(w @ x), fwd, bwd), (normal(3, 4), normal(4, seed=1))


def scanned(f):
    """A loop over two copies of the arguments."""

    def loop(*args):
        pairs = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), args)
        return jax.lax.scan(lambda _, a: (None, f(*a)), None, pairs)[1]

    return loop


@wrong(cases, "a Python float of a traced number: not in a loop", "S7", raises(scanned))
def power_mean_python_float():
    """The root of the mean square, whose backward pass skips what is zero."""

    def f(x):
        return jnp.sqrt(jnp.mean(x * x) + 1e-6)

    def bwd(residuals, y_bar):
        x, y = residuals
        return (x * (y_bar / (x.size * y)) if float(y) > 0 else jnp.zeros_like(x),)

    return rule(f, lambda x: (f(x), (x, f(x))), bwd), (normal(6),)


@wrong(cases, "a batching rule that averages over the batch", "S7", wrong_under_vmap)
def softmax_batching_rule():
    def f(x):
        return jax.nn.softmax(x)

    @jax.custom_batching.custom_vmap
    def centre(y, y_bar):
        return y * (y_bar - jnp.sum(y * y_bar))

    @centre.def_vmap
    def _(_size, _batched, y, y_bar):
        return y * (y_bar - jnp.sum(y * y_bar) / len(y)), True

    return rule(f, lambda x: (f(x), f(x)), lambda y, y_bar: (centre(y, y_bar),)), (normal(6),)


@wrong(cases, "a concrete value asked for in the forward pass: not under jit", "S7", raises(jax.jit))
def softmax_shift_by_float():
    def f(x):
        return jax.nn.softmax(x)

    def fwd(x):
        powers = jnp.exp(x - float(jnp.max(x)))
        y = powers / jnp.sum(powers)
        return y, y

    return rule(f, fwd, lambda y, y_bar: (y * (y_bar - jnp.sum(y * y_bar)),)), (normal(6),)
