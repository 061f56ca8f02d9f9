"""Blind set A: wrong rules of gated and exotic activations."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, pointwise, rule, wrong
from tests.helpers.witness import differs, gap, nonlinear, second_order

from .dtypes import worse_than_autodiff

cases: list[Case] = []


def at(*values, dtype=jnp.float64):
    """A witness point that takes the place of the first argument."""
    return lambda _, *rest: (jnp.asarray(values, dtype), *rest)


def not_additive(f, *args):
    """bwd(a + b) is not bwd(a) + bwd(b), though bwd may be homogeneous."""
    y, pull = jax.vjp(f, *args)
    a, b = normal(*y.shape, seed=3), normal(*y.shape, seed=4)
    apart = jax.tree.map(lambda u, v: u + v, pull(a), pull(b))
    return gap(pull(a + b), apart) > 1e-3


def silu_slope(x):
    s = jax.lax.logistic(x)
    return s * (1 + x * (1 - s))


@wrong(cases, "the gate's slope taken at the other branch", "S2", differs())
def swiglu_slope_at_other_branch():
    def f(gate, up):
        return gate * jax.lax.logistic(gate) * up

    def bwd(residuals, y_bar):
        gate, up = residuals
        return y_bar * up * silu_slope(up), y_bar * gate * jax.lax.logistic(gate)

    return rule(f, lambda gate, up: (f(gate, up), (gate, up)), bwd), (normal(4, 6), normal(4, 6, seed=1))


@wrong(cases, "the default of a parameter written into the backward pass", "S3", differs(lambda x, b: (x, b / 8)))
def squareplus_default_written_in():
    """(x + √(x² + b))/2 with b = 4 by default; b's own cotangent is right."""

    def f(x, b):
        return 0.5 * (x + jnp.sqrt(x * x + b))

    def bwd(residuals, y_bar):
        x, b = residuals
        return 0.5 * y_bar * (1 + x / jnp.sqrt(x * x + 4)), jnp.sum(0.25 * y_bar / jnp.sqrt(x * x + b))

    return rule(f, lambda x, b: (f(x, b), (x, b)), bwd), (normal(4, 6), jnp.float32(4.0))


@wrong(cases, "both sides of a border count at the border itself", "S5", differs(at(-1.0, 3.0, 0.5)))
def hard_swish_both_at_border():
    def slope(x):
        inside = jnp.where((x >= -3) & (x <= 3), (2 * x + 3) / 6, 0).astype(x.dtype)
        return inside + (x >= 3).astype(x.dtype)

    return pointwise(lambda x: x * jnp.clip((x + 3) / 6, 0.0, 1.0), slope), (normal(4, 6),)


@wrong(cases, "the threshold's cotangent from positive inputs only", "S2", differs())
def soft_threshold_bar_of_positives():
    def f(x, threshold):
        return jnp.sign(x) * jnp.maximum(jnp.abs(x) - threshold, 0.0)

    def bwd(residuals, y_bar):
        x, threshold = residuals
        outside = (jnp.abs(x) > threshold).astype(x.dtype)
        return y_bar * outside, -jnp.sum(jnp.where(x > threshold, y_bar, 0).astype(x.dtype))

    return rule(f, lambda x, t: (f(x, t), (x, t)), bwd), (normal(4, 6), jnp.float32(0.5))


@wrong(cases, "a constant differs by 5 % between the passes", "S2", differs())
def quick_gelu_other_constant():
    return pointwise(
        lambda x: x * jax.lax.logistic(1.702 * x),
        lambda x: jax.lax.logistic(1.702 * x) * (1 + 1.617 * x * jax.lax.logistic(-1.702 * x)),
    ), (normal(4, 6),)


@wrong(cases, "divides the output by the input: NaN at zero", "S3", differs(at(-1.0, 0.0, 2.0)))
def inverse_root_unit_by_ratio():
    """x/√(1 + x²), whose slope is (y/x)³."""

    def f(x):
        return x * jax.lax.rsqrt(1 + x * x)

    def fwd(x):
        return f(x), (x, f(x))

    return rule(f, fwd, lambda kept, y_bar: (y_bar * (kept[1] / kept[0]) ** 3,)), (normal(4, 6),)


@wrong(cases, "the argument is clamped in the forward pass only: NaN at 90", "S3", differs(at(90.0, dtype=jnp.float32)))
def tanh_exp_clamped_forward_only():
    """x tanh(eˣ)."""

    def slope(x):
        e = jnp.exp(x)
        t = jnp.tanh(e)
        return t + x * e * (1 - t * t)

    return pointwise(lambda x: x * jnp.tanh(jnp.exp(jnp.minimum(x, 20.0))), slope), (normal(4, 6),)


@wrong(cases, "the slope calls a rule that has no gradient: second order wrong", "S8", second_order)
def smooth_abs_slope_without_gradient():
    """√(x² + 1), whose backward pass calls a fast inverse root with a rule of its own, which returns zeros."""
    inverse_root = rule(jax.lax.rsqrt, lambda v: (jax.lax.rsqrt(v), None), lambda _, y_bar: (jnp.zeros_like(y_bar),))
    return pointwise(lambda x: jnp.sqrt(x * x + 1), lambda x: x * inverse_root(x * x + 1)), (normal(4, 6),)


@wrong(cases, "squares in float16 overflow from 256 on", "S6", worse_than_autodiff(lambda x: (x * 500,)))
def bent_identity_f16_squares():
    """(√(x² + 1) − 1)/2 + x."""

    def f(x):
        wide = x.astype(jnp.float32)
        return (0.5 * (jnp.sqrt(wide * wide + 1) - 1) + wide).astype(x.dtype)

    return pointwise(f, lambda x: 0.5 * x / jnp.sqrt(x * x + 1) + 1), (normal(4, 6, dtype=jnp.float16),)


@wrong(cases, "0 · 0⁻¹: NaN at zero", "S3", differs(lambda x, c: (x.at[2].set(0.0), c)))
def polynomial_slope_by_powers():
    """A learnt cubic: x and its four coefficients."""

    def f(x, c):
        return ((c[3] * x + c[2]) * x + c[1]) * x + c[0]

    def bwd(residuals, y_bar):
        x, c = residuals
        k = jnp.arange(4).astype(x.dtype)
        powers = x[:, None] ** k[None, :]
        slopes = k[None, :] * x[:, None] ** (k - 1)[None, :]
        return y_bar * (slopes @ c), y_bar @ powers

    return rule(f, lambda x, c: (f(x, c), (x, c)), bwd), (normal(6), normal(4, seed=1))


@wrong(cases, "only the larger half of the cotangents passes: homogeneous, not additive", "S1", not_additive)
def reglu_keeps_larger_half():
    """max(gate, 0) · up with a sparsified backward pass."""

    def f(gate, up):
        return jnp.maximum(gate, 0.0) * up

    def bwd(residuals, y_bar):
        gate, up = residuals
        size = jnp.abs(y_bar)
        kept = jnp.where(size >= jnp.median(size, axis=-1, keepdims=True), y_bar, 0).astype(y_bar.dtype)
        return kept * up * (gate > 0).astype(gate.dtype), kept * jnp.maximum(gate, 0.0)

    return rule(f, lambda gate, up: (f(gate, up), (gate, up)), bwd), (normal(4, 6), normal(4, 6, seed=1))


@wrong(cases, "cotangent brought to size one and never back", "S1", nonlinear())
def tanh_shrink_unit_cotangent():
    def bwd(x, y_bar):
        top = jnp.max(jnp.abs(y_bar))
        return (y_bar / jnp.maximum(top, 1e-6) * jnp.tanh(x) ** 2,)

    return rule(lambda x: x - jnp.tanh(x), lambda x: (x - jnp.tanh(x), x), bwd), (normal(4, 6),)
