"""Bad shapes, dtypes and options raise at the call, and say which argument, what came and what was expected (R10)."""

import jax
import jax.numpy as jnp
import pytest

from funcnn import rules
from funcnn.rules.normalization._batch_norm import batch_statistics

KEY = jax.random.key(0)


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
    # activations
    *((lambda rule=rule: rule(ints(3)), TypeError, "x must be a floating-point array, got int32") for rule in [
        rules.relu6, rules.elu, rules.selu, rules.celu, rules.hard_tanh, rules.hard_sigmoid, rules.hard_silu, rules.mish,
        rules.soft_shrink, rules.hard_shrink, rules.softsign, rules.log_sigmoid, rules.squareplus, rules.sine, rules.glu,
        rules.reglu, rules.geglu, rules.swiglu, rules.logsumexp, rules.sparsemax]),
    (lambda: rules.elu(f(3), "1"), TypeError, "elu: alpha must be a number, got str"),
    (lambda: rules.celu(f(3), 0.0), ValueError, "celu: alpha must be a number that is not 0, got 0.0"),
    (lambda: rules.squareplus(f(3), -1.0), ValueError, "squareplus: b must be a number above 0, got -1.0"),
    (lambda: rules.softcap(f(3), 0.0), ValueError, "softcap: cap must be a number above 0, got 0.0"),
    (lambda: rules.hard_tanh(f(3), 1.0, 0.0), ValueError, "hard_tanh: high must be a number above low = 1.0, got 0.0"),
    (lambda: rules.soft_shrink(f(3), -0.1), ValueError, "threshold must be a number not below 0, got -0.1"),
    (lambda: rules.prelu(f(3, 5), f(3)), ValueError, r"a must be \[\] or \[5\] to follow x \[3, 5\], got float64\[3\]"),
    (lambda: rules.snake(f(3, 5), f(5).astype(jnp.float32)), TypeError, "alpha must have the dtype of x"),
    (lambda: rules.glu(f(3, 5)), ValueError, "glu: x must be of an even size along axis -1, got float64"),
    (lambda: rules.swiglu(f(3, 4), f(3, 2)), ValueError, r"gate must be \[3, 4\], the shape of x, got float64\[3, 2\]"),
    (lambda: rules.sparsemax(f(3, 4), 2), ValueError, "axis must name different axes"),
    # affine maps and embedding
    (lambda: rules.scale_shift(f(3, 5), f(3)), ValueError, r"scale must be \[5\] to follow x \[3, 5\], got float64\[3\]"),
    (lambda: rules.bilinear(f(3, 5), f(2, 4), f(5, 4, 1)), ValueError, r"z must be \[3, m\] to follow x"),
    (lambda: rules.bilinear(f(3, 5), f(3, 4), f(4, 5, 1)), ValueError, r"w must be \[5, 4, out\] to follow x"),
    (lambda: rules.einsum(f(3, 5), f(5, 2), "bd,dk"), ValueError, "equation must be like '...d,dhk->...hk', got 'bd,dk'"),
    (lambda: rules.einsum(f(3, 5), f(5, 2), "bd,dk->b"), ValueError, "must have each index of w once, and elsewhere too"),
    (lambda: rules.einsum(f(3, 3), f(3, 2), "dd,dk->k"), ValueError, "must have each index of x once, and elsewhere too"),
    (lambda: rules.einsum(f(3, 5), f(4, 2), "bd,dk->bk"), ValueError, "w must be of the sizes of 'bd,dk->bk', got float64"),
    (lambda: rules.embedding(f(3), f(5, 2)), TypeError, r"embedding: ids must be an array of integers, got float64\[3\]"),
    (lambda: rules.embedding(ints(3), f(5)), ValueError, r"table must be \[rows, features\], got float64\[5\]"),
    # noise, surgery, safe pieces
    (lambda: rules.dropout(f(3), KEY, 1.0), ValueError, "dropout: rate must be a number from 0 to below 1, got 1.0"),
    (lambda: rules.dropout(f(3), 0, 0.5), TypeError, "dropout: key must be a jax.random.key, got "),
    (lambda: rules.dropout(f(3), KEY, 0.5, (1,)), ValueError, "shared must name different axes of an array of rank 1"),
    (lambda: rules.gaussian_noise(f(3), KEY, -1.0), ValueError, "stddev must be a number not below 0, got -1.0"),
    (lambda: rules.straight_through(f(3), 2.0), TypeError, "f must be a function x -> y, got 2.0"),
    (lambda: rules.straight_through(f(3), jnp.sum), ValueError, r"f\(x\) must be float64\[3\], as x is, got float64\[\]"),
    (lambda: rules.clip_gradient(f(3), 1.0, 0.0), ValueError, "high must be a number not below low = 1.0, got 0.0"),
    (lambda: rules.scale_gradient(ints(3), 1.0), TypeError, "x must be a floating-point array"),
    (lambda: rules.safe_norm(f(3), 1), ValueError, "axis must name different axes of an array of rank 1, got 1"),
    (lambda: rules.safe_divide(f(3), f(1)), ValueError, r"denominator must be \[3\], the shape of numerator"),
    (lambda: rules.conv(f(1, 0, 3), f(3, 3, 4)), ValueError, "x must be .* with 1 to 3 spatial axes, none of them empty"),
    (lambda: rules.conv(f(1, 5, 3), f(0, 3, 4)), ValueError, r"w must be \[window, 3, out\] to follow x"),
    (lambda: rules.conv(f(1, 5, 3), f(3, 3, 4), padding=1), ValueError, "padding must be 'SAME', 'VALID' or pairs of in"),
    (lambda: rules.conv(f(1, 5, 3), f(3, 3, 4), stride=1.5), ValueError, "stride must be a positive int, or one for each"),
    (lambda: rules.conv_transpose(f(3, 5), f(3, 5, 2)), ValueError, r"conv_transpose: x must be \[batch, \*space, chan"),
    (lambda: rules.conv_transpose(ints(1, 5, 3), f(3, 3, 2)), TypeError, "conv_transpose: x must be a floating-point arr"),
    (lambda: rules.conv_transpose(f(1, 5, 3), f(3, 2, 4)), ValueError, r"w must be \[window, 3, out\] to follow x \[1, 5"),
    (lambda: rules.conv_transpose(f(1, 5, 3), f(3, 3, 4), groups=2), ValueError, "groups must divide the 3 channels of x"),
    (lambda: rules.conv_transpose(f(1, 5, 3), f(3, 3, 4), f(3)), ValueError, r"b must be \[4\] to follow w"),
    (lambda: rules.conv_transpose(f(1, 5, 3), f(3, 3, 4), padding="same"), ValueError, "padding must be 'SAME', 'VALID'"),
    (lambda: rules.conv_transpose(f(1, 2, 3), f(4, 3, 4), padding=((0, 0),)), ValueError, "window must fit into the padd"),
    *((lambda pool=pool: pool(f(3, 5)), ValueError, r"pool: x must be \[batch, \*space, channels\]") for pool in [
        lambda x: rules.max_pool(x, 2), lambda x: rules.avg_pool(x, 2), rules.global_max_pool, rules.global_avg_pool]),
    (lambda: rules.max_pool(ints(1, 5, 3), 2), TypeError, r"max_pool: x must be a floating-point array, got int32\[1, 5"),
    (lambda: rules.max_pool(f(1, 5, 3), 0), ValueError, "max_pool: window must be a positive int, or one for each of 1 sp"),
    (lambda: rules.max_pool(f(1, 5, 3), 6), ValueError, "max_pool: window must fit into the padded x, got a reach of 6 ov"),
    (lambda: rules.avg_pool(f(1, 5, 3), (2, 2)), ValueError, r"avg_pool: window must be .* 1 spatial axes, got \(2, 2\)"),
    (lambda: rules.avg_pool(f(1, 5, 3), 2, 0), ValueError, "avg_pool: stride must be a positive int"),
    (lambda: rules.avg_pool(f(1, 5, 3), 2, 1, "FULL"), ValueError, "avg_pool: padding must be 'SAME', 'VALID' or pairs of"),
    (lambda: rules.global_max_pool(f(1, 0, 3)), ValueError, "global_max_pool: x must be .* none of them empty"),
    (lambda: rules.adaptive_avg_pool(f(3, 5), 2), ValueError, r"adaptive_avg_pool: x must be \[batch, \*space, channels"),
    (lambda: rules.adaptive_avg_pool(f(1, 5, 3), (2, 2)), ValueError, "sizes must be a positive int, or one for each of"),
    (lambda: rules.adaptive_avg_pool(ints(1, 5, 3), 2), TypeError, "adaptive_avg_pool: x must be a floating-point array"),
    (lambda: rules.upsample(ints(1, 5, 3), 2), TypeError, "upsample: x must be a floating-point array"),
    (lambda: rules.upsample(f(1, 5, 3), 1.5), ValueError, "factor must be a positive int, or one for each of 1 spatial"),
    (lambda: rules.upsample(f(1, 5, 3), 2, "cubic"), ValueError, "method must be 'nearest' or 'linear', got 'cubic'"),
    (lambda: rules.pixel_shuffle(f(1, 5, 5, 6), 2), ValueError, r"pixel_shuffle: x must be of channels divisible by 4"),
    (lambda: rules.pixel_shuffle(f(1, 5, 5, 6), (2,)), ValueError, "factor must be .* each of 2 spatial axes, got"),
    (lambda: rules.pixel_unshuffle(f(1, 5, 4, 6), 2), ValueError, r"x must be of spatial axes divisible by \[2, 2\], got"),
    (lambda: rules.pixel_unshuffle(ints(1, 4, 3), 2), TypeError, "pixel_unshuffle: x must be a floating-point array"),
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
