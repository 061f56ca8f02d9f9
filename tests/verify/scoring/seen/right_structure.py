"""Right rules with trees, options, closures, and rules inside rules."""

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, from_output, normal, pointwise, right, rule, wide, zeros

from .no_autodiff import erf_on_host

cases: list[Case] = []


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


@right(cases, "S7", truth=lambda gate, up: gate * jax.lax.logistic(gate) * up)
def swiglu_of_a_silu_rule():
    """Both passes call another rule, and its slope is a rule again."""
    sigmoid = from_output(jax.lax.logistic, lambda y: y * (1 - y))
    slope = lambda x: sigmoid(x) * (1 + x * (1 - sigmoid(x)))
    silu = pointwise(lambda x: x * sigmoid(x), slope)

    def bwd(residuals, y_bar):
        gate, up = residuals
        y, pull = jax.vjp(silu, gate)
        return *pull(y_bar * up), y_bar * y

    return rule(lambda gate, up: silu(gate) * up, lambda gate, up: (silu(gate) * up, (gate, up)), bwd), (
        normal(4, 6),
        normal(4, 6, seed=1),
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


@right(cases, "S2")
def reversible_block():
    """Saves its outputs only and works its inputs out again from them."""

    def f(a, b):
        a = a + jnp.tanh(b)
        return a, b + jnp.sin(a)

    def fwd(a, b):
        y = f(a, b)
        return y, y

    def bwd(y, bars):
        (a, b), (a_bar, b_bar) = y, bars
        a_bar = a_bar + jnp.cos(a) * b_bar
        return a_bar, b_bar + (1 - jnp.tanh(b - jnp.sin(a)) ** 2) * a_bar

    return rule(f, fwd, bwd), (normal(5), normal(5, seed=1))


@right(cases, "S9")
def affine_of_broadcast_arguments():
    """Arguments of one rank, each of whose axes may be one; every cotangent is added up over those that were."""

    def f(x, scale, shift):
        return x * scale + shift

    def back(bar, like):
        axes = tuple(i for i, (n, of) in enumerate(zip(bar.shape, like.shape, strict=True)) if n != of)
        return jnp.sum(bar, axis=axes, keepdims=True)

    def bwd(residuals, y_bar):
        x, scale, shift = residuals
        return back(y_bar * scale, x), back(y_bar * x, scale), back(y_bar, shift)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 6), normal(1, 6, seed=1), normal(4, 1, seed=2))


@right(cases, "S7")
def variance_with_options():
    """The axes and whether they are kept are options of Python; centred twice, for numbers far from zero."""

    def f(x, axes, keepdims):
        return jnp.var(x, axis=axes, keepdims=keepdims)

    def bwd(axes, keepdims, x, y_bar):
        centred = wide(x)
        for _ in range(2):
            centred = centred - jnp.mean(centred, axis=axes, keepdims=True)
        bar = wide(y_bar) if keepdims else jnp.expand_dims(wide(y_bar), axes)
        return ((2 * bar.size / x.size * bar * centred).astype(x.dtype),)

    return rule(f, lambda x, axes, keepdims: (f(x, axes, keepdims), x), bwd, nondiff_argnums=(1, 2)), (
        normal(4, 3, 5),
        (0, -1),
        False,
    )


@right(cases, "S0")
def dense_with_optional_bias():
    """The bias is None: no leaf of the arguments, and so none of the cotangents."""

    def f(x, weight, bias):
        y = x @ weight
        return y if bias is None else y + bias[None, :]

    def bwd(residuals, y_bar):
        x, weight, biased = residuals
        return y_bar @ weight.T, x.T @ y_bar, None if biased is None else jnp.sum(y_bar, axis=0)

    return rule(f, lambda x, weight, bias: (f(x, weight, bias), (x, weight, bias)), bwd), (
        normal(4, 5),
        normal(5, 3, seed=1),
        None,
    )


@right(cases, "S6")
def cross_entropy_gradient_in_forward():
    """Fused: the forward pass makes the gradient, and the backward pass only scales it."""

    def f(logits, ids):
        log_p = jax.nn.log_softmax(wide(logits), axis=-1)
        return -jnp.mean(jnp.take_along_axis(log_p, ids[..., None], axis=-1)).astype(logits.dtype)

    def fwd(logits, ids):
        p = jax.nn.softmax(wide(logits), axis=-1)
        hot = jax.nn.one_hot(ids, logits.shape[-1], dtype=p.dtype)
        return f(logits, ids), (p - hot) / ids.size

    def bwd(gradient, y_bar):
        return (wide(y_bar) * gradient).astype(y_bar.dtype), None

    return rule(f, fwd, bwd), (normal(4, 6, dtype=jnp.bfloat16), jnp.asarray([2, 0, 5, 2]))


@right(cases, "S0")
def sine_with_a_log():
    """Notes in a list outside that it was called; nothing of it is read again."""
    calls = []

    def bwd(x, y_bar):
        calls.append("backward")
        return (y_bar * jnp.cos(x),)

    return rule(lambda x: jnp.sin(x), lambda x: (jnp.sin(x), x), bwd), (normal(4, 6),)


@right(cases, "S4", truth=jax.lax.erf)
def erf_by_callback_right():
    """The value comes from the host and has no autodiff; the slope is right."""
    return pointwise(erf_on_host, lambda x: jnp.exp(-x * x) * float(2 / np.sqrt(np.pi))), (normal(6),)
