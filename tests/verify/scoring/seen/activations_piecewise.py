"""Wrong rules of activations in pieces: rectifiers, thresholds, hard gates."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, pointwise, rule, wrong
from tests.helpers.witness import at, differs, gap, other_value, second_order

cases: list[Case] = []


@wrong(cases, "NaN at zero", "S3", differs(at(-1.0, 0.0, 1.0)))
def relu_by_division():
    return pointwise(lambda x: jnp.maximum(x, 0.0), lambda x: 0.5 * (1 + x / jnp.abs(x))), (normal(4, 6),)


@wrong(cases, "upper border ignored", "S3", differs(at(2.0, 7.0)))
def relu6_no_upper_border():
    return pointwise(lambda x: jnp.clip(x, 0.0, 6.0), lambda x: (x > 0).astype(x.dtype)), (normal(4, 6),)


@wrong(cases, "the parameter's cotangent taken from the other side", "S2", differs())
def prelu_slope_of_positives():
    def f(x, slope):
        return jnp.where(x > 0, x, slope * x)

    def bwd(residuals, y_bar):
        x, slope = residuals
        negative = (x <= 0).astype(x.dtype)
        return y_bar * (1 - negative + slope * negative), jnp.sum(y_bar * x * (1 - negative))

    return rule(f, lambda x, slope: (f(x, slope), (x, slope)), bwd), (normal(4, 6), jnp.float32(0.25))


@wrong(cases, "a constant differs by 5 % between the passes", "S2", differs())
def selu_other_alpha():
    def f(x):
        return 1.0507 * jnp.where(x > 0, x, 1.6733 * jnp.expm1(jnp.minimum(x, 0.0)))

    def slope(x):
        return 1.0507 * jnp.where(x > 0, 1.0, 1.7569 * jnp.exp(jnp.minimum(x, 0.0))).astype(x.dtype)

    return pointwise(f, slope), (normal(4, 6),)


@wrong(cases, "value rounded through bf16 when differentiated", "S0", other_value)
def celu_rounded_when_differentiated():
    def f(x):
        return jnp.where(x > 0, x, jnp.expm1(jnp.minimum(x, 0.0)))

    def fwd(x):
        return f(x).astype(jnp.bfloat16).astype(x.dtype), x

    return rule(f, fwd, lambda x, y_bar: (y_bar * jnp.exp(jnp.minimum(x, 0.0)),)), (normal(4, 6),)


@wrong(cases, "ignores the flat part beyond |x| = 3", "S3", differs(at(-4.0, 0.5, 3.5)))
def hard_sigmoid_never_flat():
    return pointwise(lambda x: jnp.clip((x + 3) / 6, 0.0, 1.0), lambda x: jnp.full_like(x, 1 / 6)), (normal(4, 6),)


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


@wrong(cases, "the slope calls a rule that has no gradient: second order wrong", "S8", second_order)
def smooth_abs_slope_without_gradient():
    """√(x² + 1), whose backward pass calls a fast inverse root with a rule of its own, which returns zeros."""
    inverse_root = rule(jax.lax.rsqrt, lambda v: (jax.lax.rsqrt(v), None), lambda _, y_bar: (jnp.zeros_like(y_bar),))
    return pointwise(lambda x: jnp.sqrt(x * x + 1), lambda x: x * inverse_root(x * x + 1)), (normal(4, 6),)


def not_additive(f, *args):
    """bwd(a + b) is not bwd(a) + bwd(b), though bwd may be homogeneous."""
    y, pull = jax.vjp(f, *args)
    a, b = normal(*y.shape, seed=3), normal(*y.shape, seed=4)
    apart = jax.tree.map(lambda u, v: u + v, pull(a), pull(b))
    return gap(pull(a + b), apart) > 1e-3


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
