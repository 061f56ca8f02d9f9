"""Bad shapes, dtypes and options raise at the call, and say which argument, what came and what was expected (R10)."""

import jax
import jax.numpy as jnp
import pytest

from funcnn import rules
from funcnn.rules._batch_norm import batch_statistics


def f(*shape):
    return jnp.zeros(shape)


def ints(*shape):
    return jnp.zeros(shape, jnp.int32)


BAD_CALLS = [
    (lambda: rules.linear(ints(3, 5), f(5, 2)), TypeError, r"linear: x must be a floating-point array, got int32\[3, 5\]"),
    (lambda: rules.linear(f(), f(5, 2)), ValueError, r"linear: x must be \[..., n\], got float64\[\]"),
    (lambda: rules.linear(f(3, 5), f(4, 2)), ValueError, r"w must be \[5, m\] to follow x \[3, 5\], got float64\[4, 2\]"),
    (lambda: rules.linear(f(3, 5), f(5)), ValueError, r"w must be \[5, m\]"),
    (lambda: rules.linear(f(3, 5), f(5, 2), f(3)), ValueError, r"b must be \[2\] or \[1, 2\] to follow w \[5, 2\]"),
    (lambda: rules.linear(f(3, 5), f(5, 2).astype(jnp.float32)), TypeError, "w must have the dtype of x, float64, got fl"),
    (lambda: rules.linear(None, f(5, 2)), TypeError, "linear: x must be a floating-point array, got NoneType"),
    (lambda: rules.conv(f(3, 5), f(3, 5, 2)), ValueError, r"conv: x must be \[batch, \*space, channels\] with 1 to 3 sp"),
    (lambda: rules.conv(f(1, 5, 3), f(3, 2, 4)), ValueError, r"w must be \[window, 3, out\] to follow x \[1, 5, 3\]"),
    (lambda: rules.conv(f(1, 5, 3), f(3, 3, 4), groups=2), ValueError, "groups must divide the 3 channels of x, got 2"),
    (lambda: rules.conv(f(1, 5, 4), f(3, 2, 3), groups=2), ValueError, "w must be of out divisible by groups = 2"),
    (lambda: rules.conv(f(1, 5, 3), f(3, 3, 4), f(3)), ValueError, r"b must be \[4\] to follow w"),
    (lambda: rules.conv(f(1, 5, 3), f(3, 3, 4), stride=0), ValueError, "stride must be a positive int, or one for each"),
    (lambda: rules.conv(f(1, 5, 3), f(3, 3, 4), dilation=(1, 2)), ValueError, "dilation must be a positive int, or one"),
    (lambda: rules.conv(f(1, 5, 3), f(3, 3, 4), padding="same"), ValueError, "padding must be 'SAME', 'VALID' or pairs"),
    (lambda: rules.conv(f(1, 5, 3), f(3, 3, 4), padding=((1, 1), (0, 0))), ValueError, "padding must have a pair for ea"),
    (lambda: rules.conv(f(1, 2, 3), f(4, 3, 4), padding="VALID"), ValueError, "window must fit into the padded x, got a "),
    *((lambda rule=rule: rule(ints(3)), TypeError, "x must be a floating-point array, got int32") for rule in [
        rules.tanh, rules.sigmoid, rules.softplus, rules.relu, rules.leaky_relu, rules.gelu, rules.silu, rules.softmax,
        rules.log_softmax]),
    (lambda: rules.softmax(f(3, 5), 2), ValueError, "axis must name different axes of an array of rank 2, got 2"),
    (lambda: rules.softmax(f(3, 5), (0, -2)), ValueError, "axis must name different axes"),
    (lambda: rules.log_softmax(f(3, 5), 0.5), TypeError, "axis must be an int or a tuple of ints, got 0.5"),
    (lambda: rules.squared_error(f(3), f(3, 1)), ValueError, r"target must be \[3\], the shape of prediction, got float64"),
    (lambda: rules.squared_error(f(3), ints(3)), TypeError, "target must be a floating-point array"),
    (lambda: rules.sigmoid_cross_entropy(f(3), f(3).astype(jnp.bfloat16)), TypeError, "labels must have the dtype of lo"),
    (lambda: rules.softmax_cross_entropy(f(3, 5), ints(5)), ValueError, r"labels must be \[3\], a class number a row, go"),
    (lambda: rules.softmax_cross_entropy(f(3, 5), f(3, 4)), ValueError, r"labels must be \[3, 5\], the shape of logits"),
    (lambda: rules.softmax_cross_entropy(f(3, 0), ints(3)), ValueError, "logits must be .* with at least one class"),
    (lambda: rules.softmax_cross_entropy(ints(3, 5), ints(3)), TypeError, "logits must be a floating-point array"),
    (lambda: rules.layer_norm(ints(3, 5)), TypeError, r"layer_norm: x must be a floating-point array, got int32\[3, 5\]"),
    (lambda: rules.layer_norm(f()), ValueError, r"layer_norm: x must be \[..., features\], got float64\[\]"),
    (lambda: rules.layer_norm(f(3, 5), f(3)), ValueError, r"scale must be \[5\] to follow x \[3, 5\], got float64\[3\]"),
    (lambda: rules.layer_norm(f(3, 5), None, f(1, 5)), ValueError, r"shift must be \[5\] to follow x \[3, 5\]"),
    (lambda: rules.layer_norm(f(3, 5), f(5).astype(jnp.bfloat16)), TypeError, "scale must have the dtype of x, float64"),
    (lambda: rules.layer_norm(f(3, 5), eps=0.0), ValueError, "layer_norm: eps must be a number above 0, got 0.0"),
    (lambda: rules.rms_norm(f(3, 5), f(5), eps=-1), ValueError, "rms_norm: eps must be a number above 0, got -1"),
    (lambda: rules.rms_norm(f(3, 5), ints(5)), TypeError, "rms_norm: scale must be a floating-point array, got int32"),
    (lambda: rules.batch_norm(f(5)), ValueError, r"batch_norm: x must be \[batch, \*space, channels\], got float64\[5\]"),
    (lambda: rules.batch_norm(f(3, 5), axis_name=0), TypeError, "axis_name must be the name of an axis, or a tuple of na"),
    (lambda: rules.batch_norm_inference(f(3, 5), f(5), f(3)), ValueError, r"variance must be \[5\] to follow x \[3, 5\]"),
    (lambda: rules.batch_norm_inference(f(3, 5), ints(5), f(5)), TypeError, "mean must be a floating-point array, got int"),
    (lambda: batch_statistics([]), ValueError, r"batch_statistics: batches must have entries, got \[\]"),
    (lambda: batch_statistics([f(3, 5), f(0, 5)]), ValueError, "batches must have entries, got .*'float64"),
    (lambda: batch_statistics([f(3, 5), f(3, 4)]), ValueError, r"batches must have 5 channels each, got .*\[3, 4\]"),
    (lambda: rules.group_norm(f(2, 3, 5), None, None, 2), ValueError, "groups must divide the 5 channels of x, got 2"),
    (lambda: rules.group_norm(f(2, 3, 5), None, None, 1.0), ValueError, "groups must divide the 5 channels of x, got 1.0"),
    (lambda: rules.group_norm(f(5), None, None, 1), ValueError, r"x must be \[batch, \*space, channels\], got float64"),
    (lambda: rules.instance_norm(f(3, 5)), ValueError, "instance_norm: x must be .* with at least one axis of space, got"),
    (lambda: rules.l2_normalize(ints(3)), TypeError, "l2_normalize: x must be a floating-point array, got int32"),
    (lambda: rules.l2_normalize(f(3, 5), 2), ValueError, "axis must name different axes of an array of rank 2, got 2"),
    (lambda: rules.l2_normalize(f(3, 5), eps=0.0), ValueError, "l2_normalize: eps must be a number above 0, got 0.0"),
    (lambda: rules.weight_norm(f(3, 5), f(3)), ValueError, r"g must be \[5\] to follow v \[3, 5\], got float64\[3\]"),
    (lambda: rules.weight_norm(f(3, 5), f(5).astype(jnp.float32)), TypeError, "g must have the dtype of v, float64, got"),
    (lambda: rules.spectral_norm(f(3, 5), f(3)), ValueError, r"u must be \[5\] to follow w \[3, 5\], got float64\[3\]"),
    (lambda: rules.spectral_norm(f(3, 5), f(5), -1), ValueError, "iterations must be an int, 0 or more, got -1"),
    (lambda: rules.spectral_norm(f(3, 5), f(5), 1.0), ValueError, "iterations must be an int, 0 or more, got 1.0"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD_CALLS)
def test_a_bad_call_says_what_was_wrong(call, error, message):
    for run in (call, lambda: jax.jit(call)()):
        with pytest.raises(error, match=message):
            run()


def test_a_number_is_an_array_of_rank_0():
    assert float(rules.tanh(0.5)) == pytest.approx(0.46211715726)
    assert float(jax.grad(rules.gelu)(0.0)) == 0.5
