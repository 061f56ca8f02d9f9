"""Wrong rules of softmax and of losses whose targets are classes."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, softmax, uniform, wrong
from tests.helpers.witness import differs, other_value

cases: list[Case] = []


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


@wrong(cases, "a factor that is one at the default temperature", "S3", differs(lambda x, t: (x, 2 * t)))
def softmax_forgets_temperature():
    def f(x, temperature):
        return softmax(x / temperature)

    def bwd(residuals, y_bar):
        x, temperature = residuals
        y = f(x, temperature)
        z_bar = y * (y_bar - jnp.sum(y_bar * y, axis=-1, keepdims=True))
        return z_bar, -jnp.sum(z_bar * x) / temperature**2

    return rule(f, lambda x, t: (f(x, t), (x, t)), bwd), (normal(4, 6), jnp.float32(1.0))


LABELS = (2, 0, 1, 2)


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


IGNORED = -100


@wrong(cases, "ignored ids still get a gradient", "S3", differs(lambda x, ids: (x, ids.at[1].set(IGNORED))))
def cross_entropy_ignored_ids():
    """No id of the example is ignored."""

    def f(logits, ids):
        picked = jnp.take_along_axis(jax.nn.log_softmax(logits), jnp.maximum(ids, 0)[:, None], axis=-1)[:, 0]
        return jnp.sum(jnp.where(ids == IGNORED, 0.0, -picked).astype(logits.dtype))

    def bwd(residuals, y_bar):
        logits, ids = residuals
        return y_bar * (softmax(logits) - jax.nn.one_hot(ids, logits.shape[-1], dtype=logits.dtype)), None

    return rule(f, lambda logits, ids: (f(logits, ids), (logits, ids)), bwd), (normal(4, 3), jnp.asarray([2, 0, 1, 2]))


def one_hot(ids, like):
    return jax.nn.one_hot(ids, like.shape[-1], dtype=like.dtype)


@wrong(cases, "a small addend of the loss has no gradient", "S2", differs(tolerance=1e-4))
def cross_entropy_without_z_loss():
    """Cross entropy and 1e-4 times the squared log-sum-exp."""

    def f(logits, ids):
        total = jax.scipy.special.logsumexp(logits, axis=-1)
        picked = jnp.take_along_axis(logits, ids[:, None], axis=-1)[:, 0]
        return jnp.mean(total - picked + 1e-4 * total**2)

    def bwd(residuals, y_bar):
        logits, ids = residuals
        return y_bar * (softmax(logits) - one_hot(ids, logits)) / len(logits), None

    return rule(f, lambda x, i: (f(x, i), (x, i)), bwd), (normal(4, 6), jnp.asarray([2, 0, 1, 5]))


@wrong(cases, "zeros for an argument that has a gradient", "S2", differs())
def sigmoid_cross_entropy_labels_constant():
    def f(logits, labels):
        return jnp.mean(jnp.logaddexp(logits, 0.0) - logits * labels)

    def bwd(residuals, y_bar):
        logits, labels = residuals
        return y_bar * (jax.lax.logistic(logits) - labels) / logits.size, jnp.zeros_like(labels)

    return rule(f, lambda x, t: (f(x, t), (x, t)), bwd), (normal(4, 3), uniform(4, 3))


@wrong(cases, "the true class counted once, not once a violation", "S2", differs())
def hinge_true_class_once():
    """Every class that comes within a margin of one of the true one costs."""

    def margins(scores, ids):
        true = jnp.take_along_axis(scores, ids[:, None], axis=-1)
        return jnp.maximum(1 + scores - true, 0.0) * (1 - one_hot(ids, scores))

    def f(scores, ids):
        return jnp.mean(jnp.sum(margins(scores, ids), axis=-1))

    def bwd(residuals, y_bar):
        scores, ids = residuals
        on = (margins(scores, ids) > 0).astype(scores.dtype)
        some = jnp.max(on, axis=-1, keepdims=True)
        return y_bar * (on - some * one_hot(ids, scores)) / len(scores), None

    return rule(f, lambda s, i: (f(s, i), (s, i)), bwd), (normal(4, 5), jnp.asarray([2, 0, 1, 4]))


@wrong(
    cases,
    "the logarithm of a probability that underflows: NaN at −120",
    "S3",
    differs(lambda x, t: (x.at[0].set(-120.0), t)),
)
def focal_log_of_probability():
    """−(1 − p)² log p of the true class, from logits."""

    def signed(x, true):
        return jnp.where(true, x, -x)

    def f(x, true):
        z = signed(x, true)
        return jax.lax.logistic(-z) ** 2 * jnp.logaddexp(-z, 0.0)

    def bwd(residuals, y_bar):
        x, true = residuals
        p, q = jax.lax.logistic(signed(x, true)), jax.lax.logistic(-signed(x, true))
        return signed(y_bar * (2 * p * q**2 * jnp.log(p) - q**3), true), None

    return rule(f, lambda x, t: (f(x, t), (x, t)), bwd), (normal(4), jnp.asarray([True, False, True, True]))


@wrong(cases, "a factor that is one at the default temperature", "S3", differs(lambda s, t, h: (s, t, 3 * h)))
def distillation_forgets_temperature():
    """heat² · KL(teacher ‖ student) of logits over heat; teacher and heat come from autodiff and are right."""

    def f(student, teacher, heat):
        log_s, log_t = jax.nn.log_softmax(student / heat), jax.nn.log_softmax(teacher / heat)
        return heat**2 * jnp.mean(jnp.sum(jnp.exp(log_t) * (log_t - log_s), axis=-1))

    def bwd(residuals, y_bar):
        student, teacher, heat = residuals
        _, teacher_bar, heat_bar = jax.vjp(f, *residuals)[1](y_bar)
        student_bar = y_bar * (softmax(student / heat) - softmax(teacher / heat)) / len(student)
        return student_bar, teacher_bar, heat_bar

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 5), normal(4, 5, seed=1), jnp.float32(1.0))


@wrong(cases, "takes one direction of a symmetric loss for both", "S2", differs())
def contrastive_one_direction():
    """Each x should find its own y among all, and each y its own x."""

    def f(x, y):
        logits = x @ y.T / 0.5
        there, back = jax.nn.log_softmax(logits, axis=1), jax.nn.log_softmax(logits, axis=0)
        return -0.5 * jnp.mean(jnp.diag(there) + jnp.diag(back))

    def bwd(residuals, z_bar):
        x, y = residuals
        logits_bar = z_bar * (softmax(x @ y.T / 0.5) - jnp.eye(len(x), dtype=x.dtype)) / (0.5 * len(x))
        return logits_bar @ y, logits_bar.T @ x

    return rule(f, lambda x, y: (f(x, y), (x, y)), bwd), (normal(4, 3), normal(4, 3, seed=1))


@wrong(cases, "nats when differentiated, bits when not", "S0", other_value)
def entropy_in_nats_when_differentiated():
    def f(p):
        return -jnp.sum(p * jnp.log2(p), axis=-1)

    def fwd(p):
        return -jnp.sum(p * jnp.log(p), axis=-1), p

    def bwd(p, y_bar):
        return (-y_bar[:, None] * (jnp.log2(p) + jnp.log2(jnp.exp(jnp.ones((), p.dtype)))),)

    return rule(f, fwd, bwd), (uniform(4, 5, low=0.05),)
