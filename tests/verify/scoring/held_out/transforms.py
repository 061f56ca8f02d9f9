"""Wrong rules that go wrong under jit, vmap, a second derivative or a second run."""

import time

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, wrong
from tests.helpers.witness import differs_from_itself, gap, raises, second_order

cases: list[Case] = []


@wrong(cases, "a Python integer asked of the row's number: not under jit", "S7", raises(jax.jit))
def matrix_row_by_python_integer():
    def f(x, k):
        return x[k] * jnp.abs(x[k])

    def bwd(kept, bar):
        x, k = kept
        return jnp.zeros_like(x).at[int(k)].set(2 * jnp.abs(x[k]) * bar), None

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 3), jnp.int32(2))


def wrong_when_mapped(f, x):
    """Mapped over a batch of another size than the row, the gradients are not the bare function's."""
    batch = jnp.stack([x, 2 * x, 3 * x])
    return gap(*([jax.vmap(jax.grad(g))(batch)] for g in (f, f.__wrapped__))) > 1e-3


@wrong(cases, "a batching rule that divides by the size of the batch", "S7", wrong_when_mapped)
def log_mean_exp_batching_rule_size():
    """log mean exp of one row; its backward pass has a batching rule of its own."""

    @jax.custom_batching.custom_vmap
    def share(x, y):
        return jnp.exp(x - y) / x.shape[0]

    @share.def_vmap
    def _(size, batched, x, y):
        x, y = (a if b else jnp.broadcast_to(a, (size, *a.shape)) for a, b in zip((x, y), batched, strict=True))
        return jnp.exp(x - y[:, None]) / x.shape[0], True

    def f(x):
        return jax.nn.logsumexp(x) - jnp.log(x.shape[0]).astype(x.dtype)

    def fwd(x):
        y = f(x)
        return y, (x, y)

    return rule(f, fwd, lambda kept, bar: (bar * share(*kept),)), (normal(7),)


@wrong(cases, "the cotangent held constant: second order wrong", "S8", second_order)
def attenuation_cotangent_stopped():
    """x exp(−x²)."""

    def f(x):
        return x * jnp.exp(-x * x)

    def bwd(x, bar):
        return (jax.lax.stop_gradient(bar) * (1 - 2 * x * x) * jnp.exp(-x * x),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(6),)


@wrong(cases, "one of two residuals held constant: second order wrong", "S8", second_order)
def gaussian_bump_value_stopped():
    """exp(−x² / 2), whose slope is −x y with the value y held."""

    def f(x):
        return jnp.exp(-0.5 * x * x)

    def fwd(x):
        y = f(x)
        return y, (x, jax.lax.stop_gradient(y))

    return rule(f, fwd, lambda kept, bar: (-bar * kept[0] * kept[1],)), (normal(6),)


@wrong(cases, "random directions with the clock as their seed: two runs differ", "S11", differs_from_itself)
def gram_energy_directions_by_clock():
    """tr (xᵀ x)² / 4, its gradient x xᵀ x through eight random directions."""

    def f(x):
        return 0.25 * jnp.sum((x.T @ x) ** 2)

    def bwd(x, bar):
        key = jax.random.PRNGKey(time.perf_counter_ns() % 2**31)
        signs = jax.random.rademacher(key, (8, x.shape[1]), x.dtype)
        return (bar * x @ (x.T @ (x @ signs.T)) @ signs / 8,)

    return rule(f, lambda x: (f(x), x), bwd), (normal(5, 4),)
