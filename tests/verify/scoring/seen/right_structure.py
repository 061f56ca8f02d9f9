"""Right rules with keys, ids, trees, options, closures, scans, and rules inside rules."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, normal, pointwise, right, rule, zeros

cases: list[Case] = []


@right(cases, "S3")
def embedding_repeated_ids():
    def fwd(table, ids):
        return table[ids], (table, ids)

    def bwd(residuals, y_bar):
        table, ids = residuals
        return jnp.zeros_like(table).at[ids].add(y_bar), None

    return rule(lambda table, ids: table[ids], fwd, bwd), (normal(6, 3), jnp.asarray([4, 1, 4, 4, 0]))


@right(cases, "S7")
def dropout_from_key():
    """The mask is drawn again from the key, which is all that is saved."""

    def f(x, key):
        return jnp.where(jax.random.bernoulli(key, 0.8, x.shape), x / 0.8, 0.0).astype(x.dtype)

    return rule(f, lambda x, key: (f(x, key), key), lambda key, y_bar: (f(y_bar, key), None)), (
        normal(4, 6),
        jax.random.key(0),
    )


@right(cases, "S0")
def gaussian_noise_raw_key():
    """A key of the old kind, an array of unsigned integers; its cotangent is given as float0 zeros."""

    def f(x, key, sigma):
        return x + sigma * jax.random.normal(key, x.shape, x.dtype)

    def bwd(residuals, y_bar):
        key, sigma = residuals
        noise = jax.random.normal(key, y_bar.shape, y_bar.dtype)
        return y_bar, np.zeros(key.shape, jax.dtypes.float0), jnp.sum(y_bar * noise).astype(sigma.dtype)

    return rule(f, lambda x, key, sigma: (f(x, key, sigma), (key, sigma)), bwd), (
        normal(4, 6),
        jax.random.PRNGKey(0),
        jnp.float32(0.1),
    )


@right(cases, "S2")
def mlp_of_a_tree():
    """A dict of layers in, a dict of outputs back."""

    def f(params, x):
        h = jnp.tanh(x @ params["inner"]["weight"] + params["inner"]["bias"][None, :])
        return {"hidden": h, "output": h @ params["outer"]}

    def bwd(residuals, bars):
        params, x, h = residuals
        u_bar = (bars["hidden"] + bars["output"] @ params["outer"].T) * (1 - h * h)
        inner = {"weight": x.T @ u_bar, "bias": jnp.sum(u_bar, axis=0)}
        return {"inner": inner, "outer": h.T @ bars["output"]}, u_bar @ params["inner"]["weight"].T

    params = {"inner": {"weight": normal(4, 5), "bias": zeros(5)}, "outer": normal(5, 2, seed=1)}
    return rule(f, lambda params, x: (f(params, x), (params, x, f(params, x)["hidden"])), bwd), (
        params,
        normal(3, 4, seed=2),
    )


@right(cases, "S7")
def power_of_an_option():
    """The exponent is an option of Python, in `nondiff_argnums`."""
    return rule(
        lambda x, n: x**n,
        lambda x, n: (x**n, x),
        lambda n, x, y_bar: (y_bar * n * x ** (n - 1),),
        nondiff_argnums=(1,),
    ), (normal(4, 6), 3)


@right(cases, "S0")
def transform_by_a_constant():
    """A cosine transform: its matrix is a constant of the closure, and no smuggled residual."""
    n = np.arange(6)
    matrix = np.cos(np.pi / 6 * (n[:, None] + 0.5) * n[None, :])

    def f(x):
        return x @ jnp.asarray(matrix, x.dtype)

    return rule(f, lambda x: (f(x), None), lambda _, y_bar: (y_bar @ jnp.asarray(matrix.T, y_bar.dtype),)), (
        normal(4, 6),
    )


@right(cases, "S2")
def recurrence_by_scan():
    """h_t = tanh(a h_{t-1} + x_t); the states and the last of them are returned."""

    def f(x, h0, a):
        def step(h, x_t):
            h = jnp.tanh(a * h + x_t)
            return h, h

        last, states = jax.lax.scan(step, h0, x)
        return states, last

    def fwd(x, h0, a):
        states, last = f(x, h0, a)
        return (states, last), (states, h0, a)

    def bwd(residuals, bars):
        (states, h0, a), (states_bar, last_bar) = residuals, bars

        def step(h_bar, at):
            h, bar = at
            u_bar = (h_bar + bar) * (1 - h * h)
            return a * u_bar, u_bar

        h0_bar, x_bar = jax.lax.scan(step, last_bar, (states, states_bar), reverse=True)
        before = jnp.concatenate([h0[None], states[:-1]])
        return x_bar, h0_bar, jnp.sum(x_bar * before, axis=0)

    return rule(f, fwd, bwd), (normal(5, 3), zeros(3), normal(3, seed=1))


@right(cases, "S8")
def mlp_backward_by_vjp():
    """Saves its inputs only and lets JAX derive the rest again (rematerialisation)."""

    def f(x, w):
        return jnp.sin(jnp.tanh(x @ w) @ w)

    return rule(f, lambda x, w: (f(x, w), (x, w)), lambda residuals, y_bar: jax.vjp(f, *residuals)[1](y_bar)), (
        normal(4, 3),
        normal(3, 3, seed=1),
    )


def mish(x):
    return x * jnp.tanh(jnp.logaddexp(x, 0.0))


@right(cases, "S7", truth=mish)
def mish_of_a_softplus_rule():
    """A rule whose forward and backward passes call another rule."""
    softplus = pointwise(lambda x: jnp.logaddexp(x, 0.0), jax.lax.logistic)

    def f(x):
        return x * jnp.tanh(softplus(x))

    def slope(x):
        t, pull = jax.vjp(lambda x: jnp.tanh(softplus(x)), x)
        return t + x * pull(jnp.ones_like(t))[0]

    return pointwise(f, slope), (normal(4, 6),)


@right(cases, "S0")
def gather_with_mask_and_ids():
    """Integers and booleans between the floats; None for both."""

    def f(ids, x, mask, scale):
        return jnp.where(mask, x[ids] * scale, 0.0).astype(x.dtype)

    def bwd(residuals, y_bar):
        ids, x, mask, scale = residuals
        kept = jnp.where(mask, y_bar, 0.0).astype(x.dtype)
        return None, jnp.zeros_like(x).at[ids].add(kept * scale), None, jnp.sum(kept * x[ids])

    return rule(f, lambda *args: (f(*args), args), bwd), (
        jnp.asarray([3, 0, 3]),
        normal(5),
        jnp.asarray([True, True, False]),
        jnp.float32(1.0),
    )


@right(cases, "S0")
def scale_by_a_python_number():
    """A number of Python as argument, weakly typed, and a 0-d result."""

    def f(x, c):
        return jnp.sum(x) * c

    def bwd(residuals, y_bar):
        x, c = residuals
        return jnp.broadcast_to(y_bar * c, x.shape).astype(x.dtype), (y_bar * jnp.sum(x)).astype(c.dtype)

    return rule(f, lambda x, c: (f(x, c), (x, jnp.asarray(c))), bwd), (normal(4), 2.0)


@right(cases, "S9")
def cross_product():
    """For vectors of three only."""
    return rule(
        lambda a, b: jnp.cross(a, b),
        lambda a, b: (jnp.cross(a, b), (a, b)),
        lambda ab, y_bar: (jnp.cross(ab[1], y_bar), jnp.cross(y_bar, ab[0])),
    ), (normal(4, 3), normal(4, 3, seed=1))


@right(cases, "S1", surrogate=True, truth=lambda x: x)
def round_straight_through():
    return pointwise(lambda x: jnp.round(x), jnp.ones_like), (normal(4, 6),)


@right(cases, "S2", surrogate=True, truth=lambda x: -x)
def gradient_reversal():
    return pointwise(lambda x: x, lambda x: -jnp.ones_like(x)), (normal(4, 6),)
