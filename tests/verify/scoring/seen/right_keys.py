"""Held out, blind: right rules with options, keys, trees, arguments of one or none, and rules inside rules."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, pointwise, right, rule, zeros

from .right_arrays import wide

cases: list[Case] = []


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


class Posterior(NamedTuple):
    """The parameters of a diagonal Gaussian."""

    mean: jax.Array
    log_scale: jax.Array


@right(cases, "S6")
def posterior_sample():
    """The noise is drawn again in the argument's own dtype: only there is it the same."""

    def noise(key, like):
        return jax.random.normal(key, like.shape, like.dtype)

    def f(posterior, key):
        return posterior.mean + jnp.exp(posterior.log_scale) * noise(key, posterior.mean)

    def bwd(residuals, y_bar):
        log_scale, key = residuals
        return Posterior(y_bar, y_bar * jnp.exp(log_scale) * noise(key, y_bar)), None

    return rule(f, lambda posterior, key: (f(posterior, key), (posterior.log_scale, key)), bwd), (
        Posterior(normal(4, 3), zeros(4, 3)),
        jax.random.key(1),
    )


@right(cases, "S7")
def euler_with_checkpoints():
    """Ten steps of y' = drive − tanh y, whose slope is a rule; every fourth state is kept, the others come again."""
    tanh = pointwise(lambda y: jnp.tanh(y), lambda y: 1 - jnp.tanh(y) ** 2)
    spans = (4, 4, 2)

    def steps(y, drive, count):
        def step(y, _):
            return y + 0.1 * (drive - tanh(y)), None

        return jax.lax.scan(step, y, length=count)[0]

    def f(y, drive):
        return steps(y, drive, sum(spans))

    def fwd(y, drive):
        kept = []
        for count in spans:
            kept.append(y)
            y = steps(y, drive, count)
        return y, (kept, drive)

    def bwd(residuals, y_bar):
        kept, drive = residuals
        drive_bar = jnp.zeros_like(drive)
        for y, count in zip(kept[::-1], spans[::-1], strict=True):
            y_bar, more = jax.vjp(lambda y, drive, count=count: steps(y, drive, count), y, drive)[1](y_bar)
            drive_bar = drive_bar + more
        return y_bar, drive_bar

    return rule(f, fwd, bwd), (normal(4, 3), normal(4, 3, seed=1))
