"""Blind set A: wrong rules of losses."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, normal, rule, uniform, wrong
from tests.helpers.witness import differs, nonlinear, other_value

cases: list[Case] = []


def softmax(x):
    return jax.nn.softmax(x, axis=-1)


def one_hot(ids, like):
    return jax.nn.one_hot(ids, like.shape[-1], dtype=like.dtype)


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


@wrong(cases, "both sides weighted alike, as at the median", "S3", differs(lambda e, q: (e, q + 0.4)))
def pinball_at_median():
    """The loss of a quantile, by default of the median."""

    def f(error, quantile):
        return jnp.mean(jnp.maximum(quantile * error, (quantile - 1) * error))

    def bwd(error, y_bar):
        return 0.5 * y_bar * jnp.sign(error) / error.size, y_bar * jnp.mean(error)

    return rule(f, lambda e, q: (f(e, q), e), bwd), (normal(4, 6), jnp.float32(0.5))


@wrong(cases, "the sign in place of a smooth step: wrong near zero", "S3", differs(lambda e: (1e-4 * e,)))
def charbonnier_by_sign():
    """√(e² + 1e-8), a smooth absolute error."""

    def f(error):
        return jnp.sum(jnp.sqrt(error**2 + 1e-8), axis=-1)

    return rule(f, lambda e: (f(e), e), lambda e, y_bar: (y_bar[:, None] * jnp.sign(e),)), (normal(4, 6),)


@wrong(cases, "only the sign of the cotangent is used", "S1", nonlinear())
def triplet_sign_of_cotangent():
    """An anchor should be nearer to the positive than to the negative, by one."""

    def excess(anchor, positive, negative):
        return 1 + jnp.sum((anchor - positive) ** 2 - (anchor - negative) ** 2, axis=-1)

    def f(*args):
        return jnp.mean(jnp.maximum(excess(*args), 0.0))

    def bwd(args, y_bar):
        anchor, positive, negative = args
        on = jnp.sign(y_bar) * (excess(*args) > 0).astype(anchor.dtype)[:, None] * 2 / len(anchor)
        return on * (negative - positive), on * (positive - anchor), on * (anchor - negative)

    def fwd(anchor, positive, negative):
        return f(anchor, positive, negative), (anchor, positive, negative)

    plain = lambda anchor, positive, negative: f(anchor, positive, negative)
    return rule(plain, fwd, bwd), (normal(4, 3), normal(4, 3, seed=1), normal(4, 3, seed=2))


@wrong(cases, "nats when differentiated, bits when not", "S0", other_value)
def entropy_in_nats_when_differentiated():
    def f(p):
        return -jnp.sum(p * jnp.log2(p), axis=-1)

    def fwd(p):
        return -jnp.sum(p * jnp.log(p), axis=-1), p

    def bwd(p, y_bar):
        return (-y_bar[:, None] * (jnp.log2(p) + jnp.log2(jnp.exp(jnp.ones((), p.dtype)))),)

    return rule(f, fwd, bwd), (uniform(4, 5, low=0.05),)


@wrong(cases, "one weight a row, but the mean's own share left out", "S2", differs())
def weighted_mean_loss_numerator_only():
    """Σ w l / Σ w: the weights' cotangents lack the part of the denominator."""

    def f(losses, weights):
        return jnp.sum(weights * losses) / jnp.sum(weights)

    def bwd(residuals, y_bar):
        losses, weights = residuals
        share = y_bar / jnp.sum(weights)
        return share * weights, share * losses

    return rule(f, lambda x, w: (f(x, w), (x, w)), bwd), (uniform(6), uniform(6, low=0.5, seed=1))
