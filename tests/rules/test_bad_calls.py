"""Bad shapes, dtypes and options raise at the call, and say which argument, what came and what was expected (R10)."""

import jax
import jax.numpy as jnp
import pytest

from funcnn import rules


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
    *((lambda rule=rule: rule(f(3), f(4)), ValueError, r"must be \[3\], the shape of .*, got float64\[4\]") for rule in [
        rules.absolute_error, rules.huber, rules.log_cosh, rules.focal, rules.hinge, rules.cosine_distance, rules.info_nce,
        rules.kl_divergence, rules.poisson_nll]),
    *((lambda rule=rule: rule(f(), f()), ValueError, r"must be \[\.\.\., .*\], got float64\[\]") for rule in [
        rules.cosine_distance, rules.info_nce, rules.kl_divergence]),
    (lambda: rules.huber(f(3), f(3), 0.0), ValueError, r"huber: delta must be a number above 0, got 0\.0"),
    (lambda: rules.absolute_error(ints(3), ints(3)), TypeError, "absolute_error: prediction must be a floating-point arra"),
    (lambda: rules.softmax_cross_entropy(f(3, 5), [0, 1, 2]), TypeError, "labels must be a floating-point array, got list"),
    (lambda: rules.softmax_cross_entropy(f(3, 5), ints(3), f(3)), ValueError, r"class_weights must be \[5\] to follow log"),
    (lambda: rules.softmax_cross_entropy(f(3, 5), ints(3), ints(5)), TypeError, "class_weights must be a floating-point a"),
    (lambda: rules.softmax_cross_entropy(f(3, 5), ints(3), label_smoothing=1.5), ValueError, "label_smoothing must be a n"),
    (lambda: rules.softmax_cross_entropy(f(3, 5), ints(3), ignore=1.0), TypeError, "ignore must be a class number or None"),
    (lambda: rules.softmax_cross_entropy(f(3, 5), f(3, 5), ignore=1), ValueError, "ignore must be None where labels are w"),
    (lambda: rules.softmax_cross_entropy(f(3, 5), ints(3).astype(jnp.uint8), ignore=-1), ValueError,
     "ignore must be a number that labels of uint8 can hold, got -1"),
    (lambda: rules.softmax_cross_entropy(f(3, 5), ints(3), z_loss=-1.0), ValueError, "z_loss must be a number that is not"),
    (lambda: rules.softmax_cross_entropy_with_z(f(3, 5), ints(5)), ValueError, "softmax_cross_entropy_with_z: labels must"),
    (lambda: rules.sigmoid_cross_entropy(f(3, 5), f(3, 5), f(3)), ValueError, r"pos_weight must be \[\] or \[5\] to follo"),
    (lambda: rules.focal(f(3), f(3), -1.0), ValueError, r"focal: gamma must be a number that is not negative, got -1\.0"),
    (lambda: rules.focal(f(3), f(3), 2.0, 2), ValueError, "focal: alpha must be a number from 0 to 1, got 2"),
    (lambda: rules.multiclass_hinge(f(3, 5), f(3)), TypeError, "labels must be class numbers, an array of integers, got f"),
    (lambda: rules.multiclass_hinge(f(3, 0), ints(3)), ValueError, "scores must be .* with at least one class"),
    (lambda: rules.multiclass_hinge(f(3, 5), ints(5)), ValueError, r"labels must be \[3\], a class number a row, got int3"),
    (lambda: rules.triplet(f(3, 5), f(3, 5), f(5)), ValueError, r"triplet: negative must be \[3, 5\], the shape of anchor"),
    (lambda: rules.triplet(f(), f(), f()), ValueError, r"triplet: anchor must be \[\.\.\., features\], got float64\[\]"),
    (lambda: rules.triplet(f(3), f(3), f(3), "1"), TypeError, "triplet: margin must be a number, got str"),
    (lambda: rules.cosine_distance(f(3), f(3), 0.0), ValueError, "eps must be a number above 0"),
    (lambda: rules.info_nce(f(3), f(3)), ValueError, r"info_nce: query must be \[\.\.\., n, features\], got float64\[3\]"),
    (lambda: rules.info_nce(f(3, 5), f(3, 5), 0), ValueError, "temperature must be a number above 0, got 0"),
    (lambda: rules.gaussian_nll(f(3), f(3), f(1)), ValueError, r"variance must be \[3\], the shape of mean, got float64"),
    (lambda: rules.gaussian_nll(f(3), f(3), f(3), -1.0), ValueError, "gaussian_nll: eps must be a number above 0"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD_CALLS)
def test_a_bad_call_says_what_was_wrong(call, error, message):
    for run in (call, lambda: jax.jit(call)()):
        with pytest.raises(error, match=message):
            run()


def test_a_number_is_an_array_of_rank_0():
    assert float(rules.tanh(0.5)) == pytest.approx(0.46211715726)
    assert float(jax.grad(rules.gelu)(0.0)) == 0.5
