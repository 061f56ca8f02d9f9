"""Wrong rules of overlap, evidential, ordinal and class-balanced losses."""

import jax
import jax.numpy as jnp
from jax.scipy.special import digamma, polygamma

from tests.helpers.case import Case, normal, rule, uniform, wrong
from tests.helpers.witness import differs, nonlinear, other_value, worse_than_autodiff

cases: list[Case] = []


@wrong(
    cases,
    "two parameters exchanged, which are equal by default",
    "S3",
    differs(lambda p, t, a, b: (p, t, a - 0.2, b + 0.2)),
)
def tversky_alpha_beta_exchanged():
    """One minus TP / (TP + α FP + β FN), the Dice loss at α = β = ½."""

    def parts(p, t, alpha, beta):
        tp, fp, fn = jnp.sum(p * t), jnp.sum(p * (1 - t)), jnp.sum((1 - p) * t)
        return tp, fp, fn, tp + alpha * fp + beta * fn + 1e-6

    def f(*args):
        tp, _, _, whole = parts(*args)
        return 1 - tp / whole

    def bwd(args, y_bar):
        p, t, alpha, beta = args
        tp, fp, fn, whole = parts(*args)
        whole_bar = y_bar * tp / whole**2
        p_bar = whole_bar * (t + beta * (1 - t) - alpha * t) - y_bar * t / whole
        t_bar = whole_bar * (p - alpha * p + beta * (1 - p)) - y_bar * p / whole
        return p_bar, t_bar, whole_bar * fp, whole_bar * fn

    args = uniform(4, 6), uniform(4, 6, seed=1), jnp.float32(0.5), jnp.float32(0.5)
    return rule(f, lambda *args: (f(*args), args), bwd), args


@wrong(cases, "divided by the number of active triplets, not of all", "S2", differs())
def triplet_mean_over_the_active():
    def gaps(a, p, n):
        return jnp.sum((a - p) ** 2, axis=-1) - jnp.sum((a - n) ** 2, axis=-1) + 1

    def f(a, p, n):
        return jnp.mean(jnp.maximum(gaps(a, p, n), 0.0))

    def bwd(residuals, y_bar):
        a, p, n = residuals
        active = (gaps(a, p, n) > 0).astype(a.dtype)
        share = (2 * y_bar * active / jnp.maximum(jnp.sum(active), 1.0))[:, None]
        return share * (n - p), share * (p - a), share * (a - n)

    args = normal(6, 4), normal(6, 4, seed=1), normal(6, 4, seed=2)
    return rule(f, lambda *args: (f(*args), args), bwd), args


@wrong(cases, "a cut gets the gradient of the class below it only", "S2", differs())
def ordinal_cut_of_lower_class_only():
    """Cumulative logits: −log of σ(upper cut − x) − σ(lower cut − x)."""

    def sides(x, cuts, label):
        ends = jnp.full((1,), jnp.inf, cuts.dtype)
        padded = jnp.concatenate([-ends, cuts, ends])
        return jax.lax.logistic(padded[label + 1] - x), jax.lax.logistic(padded[label] - x)

    def f(x, cuts, label):
        upper, lower = sides(x, cuts, label)
        return -jnp.log(upper - lower)

    def bwd(residuals, y_bar):
        x, cuts, label = residuals
        upper, lower = sides(x, cuts, label)
        up, low, share = upper * (1 - upper), lower * (1 - lower), y_bar / (upper - lower)
        cuts_bar = jnp.zeros(len(cuts) + 2, cuts.dtype).at[label + 1].add(-share * up)
        return share * (up - low), cuts_bar[1:-1], None

    args = normal(6), jnp.asarray([-0.8, 0.3, 1.1], jnp.float32), jnp.asarray([0, 1, 2, 3, 1, 2])
    return rule(f, lambda *args: (f(*args), args), bwd), args


def one_hot(label, like):
    """One row a label, as many columns as `like` has."""
    return jax.nn.one_hot(label, like.shape[-1], dtype=like.dtype)


@wrong(cases, "the total evidence counted for the labelled class only", "S2", differs())
def dirichlet_total_of_labelled_class():
    """Expected cross-entropy under a Dirichlet distribution: ψ(Σ α) − ψ(α of the label)."""

    def alphas(x):
        return jax.nn.softplus(x) + 1

    def f(x, label):
        alpha = alphas(x)
        return digamma(jnp.sum(alpha, axis=-1)) - digamma(jnp.sum(alpha * one_hot(label, x), axis=-1))

    def bwd(residuals, y_bar):
        x, label = residuals
        alpha, hot = alphas(x), one_hot(label, x)
        total = jnp.sum(alpha, axis=-1)
        own = jnp.sum(alpha * hot, axis=-1)
        slope = polygamma(1, total) - polygamma(1, own)
        return (y_bar * slope)[:, None] * hot * jax.lax.logistic(x), None

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(4, 3), jnp.asarray([2, 0, 1, 1]))


@wrong(
    cases,
    "a floored variance still gets a gradient",
    "S3",
    differs(lambda mean, target, var: (mean, target, var.at[1].set(1e-3))),
)
def gaussian_floor_lets_variance_pass():
    """Negative log-likelihood with no variance below 0.01."""

    def f(mean, target, var):
        var = jnp.maximum(var, 1e-2)
        return 0.5 * (jnp.log(var) + (target - mean) ** 2 / var)

    def bwd(residuals, y_bar):
        mean, target, var = residuals
        var = jnp.maximum(var, 1e-2)
        step = y_bar * (mean - target) / var
        return step, -step, 0.5 * y_bar * (1 - (target - mean) ** 2 / var) / var

    args = normal(6), normal(6, seed=1), uniform(6, low=0.5, high=2.0)
    return rule(f, lambda *args: (f(*args), args), bwd), args


@wrong(cases, "the sum over the rows when differentiated, their mean when not", "S0", other_value)
def brier_sum_when_differentiated():
    def miss(x, label):
        return jax.nn.softmax(x, axis=-1) - one_hot(label, x)

    def f(x, label):
        return jnp.mean(jnp.sum(miss(x, label) ** 2, axis=-1))

    def fwd(x, label):
        return jnp.sum(miss(x, label) ** 2), (x, label)

    def bwd(residuals, y_bar):
        x, label = residuals
        p, p_bar = jax.nn.softmax(x, axis=-1), 2 * y_bar / len(x) * miss(x, label)
        return p * (p_bar - jnp.sum(p * p_bar, axis=-1, keepdims=True)), None

    return rule(f, fwd, bwd), (normal(4, 3), jnp.asarray([2, 0, 1, 1]))


@wrong(cases, "the cotangent's magnitude, as if a loss had no negative weight", "S1", nonlinear(factor=-1.0))
def squared_hinge_by_magnitude():
    def f(score, label):
        return jnp.maximum(1 - score * label, 0.0) ** 2

    def bwd(residuals, y_bar):
        score, label = residuals
        share = -2 * jnp.abs(y_bar) * jnp.maximum(1 - score * label, 0.0)
        return share * label, share * score

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6), jnp.sign(normal(6, seed=1)))


@wrong(cases, "a ratio of exponentials in float16: NaN from 12 on", "S6", worse_than_autodiff(lambda x, t: (x * 10, t)))
def binary_cross_entropy_f16_ratio():
    def f(x, t):
        wide = x.astype(jnp.float32)
        return (jax.nn.softplus(wide) - t.astype(jnp.float32) * wide).astype(x.dtype)

    def bwd(residuals, y_bar):
        x, t = residuals
        e = jnp.exp(x)
        return y_bar * (e / (1 + e) - t), -y_bar * x

    args = normal(4, 6, dtype=jnp.float16), uniform(4, 6, seed=1, dtype=jnp.float16)
    return rule(f, lambda *args: (f(*args), args), bwd), args


@wrong(
    cases,
    "members of a class counted in eight bits: wrong from 256 on",
    "S10",
    differs(lambda *_: (normal(600, 2), jnp.arange(600) % 2)),
)
def balanced_cross_entropy_counts_in_uint8():
    """Every example weighted by one over the size of its class."""

    def weights(x, label, dtype):
        counts = jnp.zeros(x.shape[-1], dtype).at[label].add(jnp.ones(label.shape, dtype))
        return (1 / counts.astype(x.dtype))[label]

    def f(x, label):
        log_p = jnp.sum(jax.nn.log_softmax(x, axis=-1) * one_hot(label, x), axis=-1)
        return -jnp.sum(weights(x, label, jnp.int32) * log_p)

    def bwd(residuals, y_bar):
        x, label = residuals
        share = y_bar * weights(x, label, jnp.uint8)[:, None]
        return share * (jax.nn.softmax(x, axis=-1) - one_hot(label, x)), None

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6, 3), jnp.asarray([2, 0, 1, 1, 0, 2]))
