"""Wrong rules of softmax and of losses."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, uniform, wrong
from tests.helpers.witness import differs

cases: list[Case] = []

LABELS = (2, 0, 1, 2)


def softmax(x):
    return jax.nn.softmax(x, axis=-1)


@wrong(cases, "centred by the plain mean instead of the weighted one", "S2", differs())
def softmax_plain_mean():
    def bwd(y, y_bar):
        return (y * (y_bar - jnp.mean(y_bar, axis=-1, keepdims=True)),)

    return rule(softmax, lambda x: (softmax(x), softmax(x)), bwd), (normal(4, 6),)


@wrong(cases, "axis counted from the front: wrong for another rank", "S9", differs(lambda x: (normal(2, 3, 4),)))
def softmax_axis_one():
    def bwd(y, y_bar):
        return (y * (y_bar - jnp.sum(y_bar * y, axis=1, keepdims=True)),)

    return rule(softmax, lambda x: (softmax(x), softmax(x)), bwd), (normal(4, 6),)


@wrong(cases, "ignored rows still get a gradient", "S2", differs())
def masked_cross_entropy_ignores_mask():
    """The last row is padding."""

    def f(logits, labels, mask):
        losses = -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], axis=-1)[:, 0]
        return jnp.sum(losses * mask) / jnp.sum(mask)

    def fwd(logits, labels, mask):
        return f(logits, labels, mask), (logits, labels, mask)

    def bwd(residuals, y_bar):
        logits, labels, mask = residuals
        target = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
        losses = -jnp.sum(jax.nn.log_softmax(logits) * target, axis=-1)
        mask_bar = y_bar * (losses - f(logits, labels, mask)) / jnp.sum(mask)
        return y_bar * (softmax(logits) - target) / jnp.sum(mask), None, mask_bar

    return rule(f, fwd, bwd), (normal(4, 3), jnp.asarray(LABELS), jnp.asarray([1, 1, 1, 0], jnp.float32))


@wrong(cases, "forgets label smoothing, which is 0 by default", "S3", differs())
def smoothed_cross_entropy_forgets_smoothing():
    def target_of(logits, labels, smoothing):
        hot = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
        return hot * (1 - smoothing) + smoothing / logits.shape[-1]

    def f(logits, labels, smoothing):
        return -jnp.mean(jnp.sum(target_of(logits, labels, smoothing) * jax.nn.log_softmax(logits), axis=-1))

    def bwd(residuals, y_bar):
        logits, labels, _ = residuals
        hot = jax.nn.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
        smoothing_bar = jnp.mean(jnp.sum((hot - 1 / logits.shape[-1]) * jax.nn.log_softmax(logits), axis=-1))
        return y_bar * (softmax(logits) - hot) / len(logits), None, y_bar * smoothing_bar

    def fwd(logits, labels, smoothing):
        return f(logits, labels, smoothing), (logits, labels, smoothing)

    return rule(f, fwd, bwd), (normal(4, 3), jnp.asarray(LABELS), jnp.float32(0.0))


@wrong(cases, "a factor that is one at the default delta", "S3", differs(lambda r, d: (3 * r, 2 * d)))
def huber_forgets_delta():
    def f(error, delta):
        size = jnp.abs(error)
        return jnp.where(size <= delta, 0.5 * error**2, delta * (size - 0.5 * delta))

    def bwd(residuals, y_bar):
        error, delta = residuals
        size = jnp.abs(error)
        delta_bar = jnp.sum(jnp.where(size <= delta, 0.0, y_bar * (size - delta)).astype(delta.dtype))
        return y_bar * jnp.where(size <= delta, error, jnp.sign(error)), delta_bar

    return rule(f, lambda e, d: (f(e, d), (e, d)), bwd), (normal(4, 6), jnp.float32(1.0))


@wrong(cases, "zeros for an argument that has a gradient", "S2", differs())
def sigmoid_cross_entropy_labels_constant():
    def f(logits, labels):
        return jnp.mean(jnp.logaddexp(logits, 0.0) - logits * labels)

    def bwd(residuals, y_bar):
        logits, labels = residuals
        return y_bar * (jax.lax.logistic(logits) - labels) / logits.size, jnp.zeros_like(labels)

    return rule(f, lambda x, t: (f(x, t), (x, t)), bwd), (normal(4, 3), uniform(4, 3))
