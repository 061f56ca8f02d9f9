"""Rules at points where autodiff is not finite and the function is: only finite differences can judge there."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from tests.helpers.case import Case, from_output, normal, pointwise, right, rule, uniform, wrong
from tests.helpers.witness import doubled, gap, pullback

cases: list[Case] = []


def steps_disagree(f, *args):
    """Central differences in the first argument part from its cotangent, and autodiff is not finite."""
    x, *rest = doubled(args)
    h = 1e-5
    total = lambda x: jnp.sum(f.__wrapped__(x, *rest))
    slopes = [(total(x.at[i].add(h)) - total(x.at[i].add(-h))) / (2 * h) for i in np.ndindex(*x.shape)]
    ones = jnp.ones_like(f(x, *rest))
    bars, blind = (pullback(g, (x, *rest), ones, compiled=False)[0] for g in (f, f.__wrapped__))
    return not np.isfinite(blind).all() and gap([bars], [np.reshape(slopes, x.shape)]) > 1e-3


def root_or_line(x):
    """√x above 0, and x below: autodiff of the root is NaN below."""
    return jnp.where(x > 0, jnp.sqrt(x), x).astype(x.dtype)


def positive(x):
    """x where it is positive, else 1."""
    return jnp.where(x > 0, x, 1.0).astype(x.dtype)


def slope_of_root_or_line(below):
    return lambda x: jnp.where(x > 0, 0.5 / jnp.sqrt(positive(x)), below).astype(x.dtype)


@wrong(cases, "the slope 2 for 1 where autodiff is NaN", "S2", steps_disagree)
def root_or_line_twice_as_steep():
    return pointwise(root_or_line, slope_of_root_or_line(2.0)), (jnp.asarray([-0.5, -1.0, -2.0], jnp.float32),)


@wrong(cases, "no slope below 0, where autodiff is NaN", "S2", steps_disagree)
def root_or_line_flat_below_zero():
    return pointwise(root_or_line, slope_of_root_or_line(0.0)), (normal(6),)


@right(cases, "S2", truth=lambda x: jnp.where(x > 0, jnp.sqrt(positive(x)), x))
def root_or_line_guarded():
    return pointwise(root_or_line, slope_of_root_or_line(1.0)), (normal(6),)


def square_over(x):
    """x² / x, and 0 at 0, where autodiff is NaN."""
    return jnp.where(x == 0, 0.0, x * x / x).astype(x.dtype)


EVEN = jnp.asarray([0.0, 0.5, -1.0, 2.0], jnp.float32)


@wrong(cases, "the slope 0 at 0, where autodiff is NaN", "S2", steps_disagree)
def square_over_number_flat_at_zero():
    return pointwise(square_over, lambda x: (x != 0).astype(x.dtype)), (EVEN,)


@right(cases, "S2")
def square_over_number_by_its_limit():
    return pointwise(square_over, jnp.ones_like), (EVEN,)


def masked_log_sum(x, mask):
    """log Σ x over what is masked in, a tenth of Σ x where nothing is: there autodiff is NaN."""
    total = jnp.sum(x * mask.astype(x.dtype), axis=-1)
    return jnp.where(jnp.any(mask, axis=-1), jnp.log(total), 0.1 * jnp.sum(x, axis=-1))


def guarded_masked_log_sum(x, mask):
    some = jnp.any(mask, axis=-1)
    total = jnp.where(some, jnp.sum(jnp.where(mask, x, 0.0), axis=-1), 1.0)
    return jnp.where(some, jnp.log(total), 0.1 * jnp.sum(x, axis=-1))


def masked_log_sum_rule(empty):
    def bwd(residuals, y_bar):
        x, mask = residuals
        some = jnp.any(mask, axis=-1, keepdims=True)
        total = jnp.where(some, jnp.sum(jnp.where(mask, x, 0.0), axis=-1, keepdims=True), 1.0)
        slopes = jnp.where(some, jnp.where(mask, 1 / total, 0.0), empty)
        return (y_bar[:, None] * slopes).astype(x.dtype), None

    return rule(masked_log_sum, lambda x, mask: (masked_log_sum(x, mask), (x, mask)), bwd)


MASK = np.array([[True, True, False], [False, False, False], [True, False, True], [False, True, True]])


@wrong(cases, "the sign of the empty rows' slope, where autodiff is NaN", "S2", steps_disagree)
def masked_log_sum_of_empty_rows():
    return masked_log_sum_rule(-0.1), (uniform(4, 3, low=0.5, high=2.0), jnp.asarray(MASK))


@right(cases, "S2", truth=guarded_masked_log_sum)
def masked_log_sum_with_empty_rows():
    return masked_log_sum_rule(0.1), (uniform(4, 3, low=0.5, high=2.0), jnp.asarray(MASK))


def length(x):
    """The length of each row; autodiff is NaN at a row of zeros."""
    return jnp.sqrt(jnp.sum(x * x, axis=-1))


def length_rule(at_zero):
    def bwd(x, y_bar):
        y = length(x)[:, None]
        unit = jnp.where(y > 0, x / jnp.where(y > 0, y, 1.0), at_zero).astype(x.dtype)
        return (y_bar[:, None] * unit,)

    return rule(length, lambda x: (length(x), x), bwd)


def longer_than_one(f, x):
    """At a row of zeros a row of the gradient is longer than 1, which no subgradient of the length is."""
    rows = np.asarray(pullback(f, (x,), jnp.ones(len(x), x.dtype))[0])
    return bool((np.linalg.norm(rows, axis=-1) > 1.001).any())


@wrong(cases, "2 at a row of zeros, which is no subgradient of a length", "S5", longer_than_one)
def length_steep_at_zero():
    return length_rule(2.0), (normal(4, 3).at[1].set(0.0),)


@right(cases, "S5")
def length_with_a_subgradient_at_zero():
    return length_rule(0.5), (normal(4, 3).at[1].set(0.0),)


@right(cases, "S5")
def root_of_the_size_flat_at_zero():
    """√|x|, which has no finite slope at 0: any is a convention."""
    f = lambda x: jnp.sqrt(jnp.abs(x))

    def slope(x):
        safe = jnp.where(x == 0, 1.0, jnp.abs(x)).astype(x.dtype)
        return jnp.where(x == 0, 0.0, 0.5 * jnp.sign(x) / jnp.sqrt(safe)).astype(x.dtype)

    return pointwise(f, slope), (jnp.asarray([0.0, 0.5, -1.0, 2.0], jnp.float32),)


@right(cases, "S5")
def power_of_a_distance():
    """y^(3/2) of y ≥ 0, whose slope at the end of the domain is the limit 0, from the output."""
    return from_output(lambda y: y * jnp.sqrt(y), lambda z: 1.5 * jnp.cbrt(z)), (uniform(6).at[2].set(0.0),)


def log_sum_exp(x):
    return jax.scipy.special.logsumexp(x, axis=-1)


def guarded_log_sum_exp(x):
    """The same, with gradient 0 where a whole row is −∞."""
    void = jnp.all(x == -jnp.inf, axis=-1, keepdims=True)
    y = jax.scipy.special.logsumexp(jnp.where(void, 0.0, x), axis=-1)
    return jnp.where(void[..., 0], -jnp.inf, y).astype(x.dtype)


def softmax_of_filled(x):
    """Along the last axis; 0 in rows of −∞."""
    void = jnp.all(x == -jnp.inf, axis=-1, keepdims=True)
    return jnp.where(void, 0.0, jax.nn.softmax(jnp.where(void, 0.0, x), axis=-1)).astype(x.dtype)


def pointwise_rows(f, slopes):
    return rule(f, lambda x: (f(x), x), lambda x, y_bar: (y_bar[:, None] * slopes(x),))


def not_finite_in_a_void_row(f, x):
    bars = pullback(f, (x,), jnp.ones(len(x), x.dtype))[0]
    return not np.isfinite(bars).all() and bool(np.isfinite(jax.grad(lambda x: guarded_log_sum_exp(x)[0])(x)).all())


def with_a_void_row(scale=1.0):
    return (scale * normal(4, 3)).at[1].set(-jnp.inf)


@wrong(
    cases,
    "NaN in a row of −∞, where the reference has 0",
    "S3",
    not_finite_in_a_void_row,
    reference=guarded_log_sum_exp,
)
def log_sum_exp_of_a_void_row():
    return pointwise_rows(log_sum_exp, lambda x: jnp.exp(x - log_sum_exp(x)[:, None])), (with_a_void_row(),)


@right(cases, "S3", reference=guarded_log_sum_exp, points=lambda args: doubled((normal(4, 3),)))
def log_sum_exp_guarded_in_a_void_row():
    return pointwise_rows(log_sum_exp, softmax_of_filled), (with_a_void_row(),)


def log_of_gap(x, y):
    """log(x − y), −∞ at ties."""
    return jnp.log(x - y)


def guarded_log_of_gap(x, y):
    tie = x == y
    return jnp.where(tie, -jnp.inf, jnp.log(jnp.where(tie, 1.0, x - y))).astype(x.dtype)


def log_of_gap_rule(guarded):
    def bwd(gap, z_bar):
        slope = z_bar * gap / (jnp.where(gap == 0, 1.0, gap) if guarded else gap) ** 2
        return slope.astype(gap.dtype), -slope.astype(gap.dtype)

    return rule(log_of_gap, lambda x, y: (log_of_gap(x, y), x - y), bwd)


def not_finite_at_ties(f, x, y):
    return not np.isfinite(pullback(f, (x, y), jnp.ones_like(x))[0]).all()


GAPS = uniform(4, low=1.0, high=2.0), uniform(4, seed=1).at[2].set(uniform(4, low=1.0, high=2.0)[2])


@wrong(cases, "0/0 at ties, where the reference has 0", "S2", not_finite_at_ties, reference=guarded_log_of_gap)
def log_of_gap_at_ties():
    return log_of_gap_rule(guarded=False), GAPS


@right(cases, "S3", reference=guarded_log_of_gap)
def log_of_gap_zero_at_ties():
    return log_of_gap_rule(guarded=True), GAPS


def not_finite_once_a_row_is_void(f, x):
    return not_finite_in_a_void_row(f, x.at[0].set(-jnp.inf))


def log_mean_exp(x):
    return jax.scipy.special.logsumexp(x, axis=-1) - math.log(x.shape[-1])


def guarded_log_mean_exp(x):
    return (guarded_log_sum_exp(x) - math.log(x.shape[-1])).astype(x.dtype)


@wrong(
    cases,
    "softmax of a row of −∞, where the reference has 0",
    "S3",
    not_finite_once_a_row_is_void,
    reference=guarded_log_mean_exp,
)
def log_mean_exp_by_softmax():
    return pointwise_rows(log_mean_exp, lambda x: jax.nn.softmax(x, axis=-1)), (normal(4, 3),)


@right(cases, "S3", reference=guarded_log_mean_exp, points=lambda args: doubled((normal(4, 3),)))
def log_mean_exp_by_guarded_softmax():
    return pointwise_rows(log_mean_exp, softmax_of_filled), (with_a_void_row(2.0),)
