"""Rules whose value may be infinite where the gradient is finite."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, double, like, need, normal, of_rank, right, rule, uniform, wide, wrong
from tests.helpers.witness import differs_from

cases: list[Case] = []


def waiting_time(x, rate):
    """The log-density of an exponential variable: −∞ before zero, with no gradient there."""
    need(x.shape == rate.shape)
    return jnp.where(x >= 0, jnp.log(rate) - rate * x, -jnp.inf).astype(x.dtype)


def early(x, rate):
    return jnp.asarray([0.5, -1.0, 2.0, -0.3], jnp.float64), jnp.asarray([0.5, 1.0, 2.0, 3.0], jnp.float64)


@wrong(
    cases,
    "the time comes back from the density, which is −∞",
    "S3",
    differs_from(waiting_time, early),
    reference=waiting_time,
)
def waiting_time_from_log_density():
    def fwd(x, rate):
        y = waiting_time(x, rate)
        return y, (y, rate)

    def bwd(kept, bar):
        y, rate = kept
        x = (jnp.log(rate) - y) / rate
        return -bar * rate, bar * (1 / rate - x)

    return rule(waiting_time, fwd, bwd), (uniform(6, low=0.1, high=2.0), uniform(6, low=0.5, high=2.0, seed=1))


def scaled_sums(a, b):
    of_rank(2, a, b)
    need(a.shape[1] == b.shape[0])
    terms = a[:, :, None] + b[None]
    top = jnp.max(terms, axis=1)
    alive = top > -jnp.inf
    held = jax.lax.stop_gradient(jnp.where(alive, top, 0))
    return alive, held, jnp.sum(jnp.exp(terms - held[:, None]), axis=1)


def log_product(a, b):
    """log(eᵃ eᵇ); a row of −∞ gives −∞, and its gradient is zero."""
    alive, held, total = scaled_sums(wide(a), wide(b))
    return jnp.where(alive, held + jnp.log(jnp.where(alive, total, 1)), -jnp.inf).astype(a.dtype)


def barred(a, b):
    return double(3, 4).at[1].set(-jnp.inf), double(4, 2)


@wrong(cases, "−∞ less −∞ in a row without a way", "S3", differs_from(log_product, barred), reference=log_product)
def log_product_of_a_barred_row():
    def fwd(a, b):
        y = log_product(a, b)
        return y, (a, b, y)

    def bwd(kept, bar):
        a, b, y = kept
        share = jnp.exp(a[:, :, None] + b[None] - y[:, None]) * bar[:, None]
        return jnp.sum(share, axis=2), jnp.sum(share, axis=0)

    return rule(log_product, fwd, bwd), (normal(3, 4), normal(4, 2, seed=1))


def mean_of_seen(x, seen):
    """log mean exp over what was seen, by rows; −∞ and no gradient where nothing was."""
    some = jnp.any(seen, axis=-1)
    top = jax.lax.stop_gradient(jnp.max(jnp.where(seen, x, -jnp.inf), axis=-1, keepdims=True))
    shifted = jnp.exp(jnp.where(seen, x - jnp.where(jnp.isfinite(top), top, 0), -jnp.inf))
    total = jnp.where(some, jnp.sum(shifted, axis=-1), 1)
    return jnp.where(
        some, top[..., 0] + jnp.log(total / jnp.maximum(jnp.sum(seen, axis=-1, dtype=x.dtype), 1)), -jnp.inf
    )


def unseen(x, seen):
    return double(2, 3), jnp.asarray([[True, False, True], [False, False, False]])


@wrong(cases, "nothing over nothing where no entry was seen", "S3", differs_from(mean_of_seen, unseen),
       reference=mean_of_seen)  # fmt: skip
def log_mean_of_nothing_seen():
    def bwd(kept, bar):
        x, seen = kept
        weight = jnp.where(seen, jnp.exp(x - jnp.max(x, axis=-1, keepdims=True)), 0)
        return bar[..., None] * weight / jnp.sum(weight, axis=-1, keepdims=True), None

    seen = normal(4, 6, seed=1) > -0.5
    return rule(mean_of_seen, lambda *args: (mean_of_seen(*args), args), bwd), (normal(4, 6), seen)


@right(cases, "S3", reference=waiting_time)
def waiting_time_density():
    def bwd(args, bar):
        x, rate = map(wide, args)
        live = jnp.where(x >= 0, wide(bar), 0)
        return like((-live * rate, jnp.where(x >= 0, live * (1 / rate - jnp.where(x >= 0, x, 0)), 0)), args)

    args = uniform(6, low=0.1, high=2.0), uniform(6, low=0.5, high=2.0, seed=1)
    return rule(waiting_time, lambda *args: (waiting_time(*args), args), bwd), args


@right(cases, "S3", reference=log_product)
def log_product_with_barred_rows():
    def bwd(args, bar):
        a, b = map(wide, args)
        alive, held, total = scaled_sums(a, b)
        pull = jnp.where(alive, wide(bar) / jnp.where(alive, total, 1), 0)
        share = jnp.exp(a[:, :, None] + b[None] - held[:, None]) * pull[:, None]
        return like((jnp.sum(share, axis=2), jnp.sum(share, axis=0)), args)

    return rule(log_product, lambda *args: (log_product(*args), args), bwd), (normal(3, 4), normal(4, 2, seed=1))
