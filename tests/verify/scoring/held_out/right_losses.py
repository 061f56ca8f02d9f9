"""Right rules of losses, rankings and normalizations."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, like, need, normal, of_rank, ones, right, rule, uniform, wide, zeros

cases: list[Case] = []


@right(cases, "S2")
def two_towers_both_directions():
    """Each row of a finds its row of b and the other way round; the scale is given as its logarithm."""

    def scores(a, b, log_scale):
        of_rank(2, a, b)
        need(a.shape == b.shape and log_scale.shape == ())
        return jnp.exp(wide(log_scale)) * (wide(a) @ wide(b).T)

    def f(*args):
        s = scores(*args)
        own = jnp.diagonal(s)
        return jnp.mean(0.5 * (jax.nn.logsumexp(s, axis=0) + jax.nn.logsumexp(s, axis=1)) - own).astype(args[0].dtype)

    def bwd(args, y_bar):
        s = scores(*args)
        both = jax.nn.softmax(s, axis=0) + jax.nn.softmax(s, axis=1)
        s_bar = wide(y_bar) / len(s) * (0.5 * both - jnp.eye(len(s), dtype=s.dtype))
        dot_bar = jnp.exp(wide(args[2])) * s_bar
        return like((dot_bar @ wide(args[1]), dot_bar.T @ wide(args[0]), jnp.sum(s_bar * s)), args)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(5, 3), normal(5, 3, seed=1), jnp.float32(0.5))


@right(cases, "S5")
def lovasz_hinge():
    """The convex extension of one minus the Jaccard index; the errors' weights depend on their order alone."""

    def parts(x, label):
        of_rank(1, x, label)
        need(x.shape == label.shape)
        x, sign = wide(x), jnp.where(label, 1.0, -1.0).astype(wide(x).dtype)
        error = 1 - x * sign
        order = jnp.argsort(-error)
        hit = label[order].astype(x.dtype)
        lost = 1 - (jnp.sum(hit) - jnp.cumsum(hit)) / (jnp.sum(hit) + jnp.cumsum(1 - hit))
        weight = lost - jnp.concatenate([jnp.zeros_like(lost[:1]), lost[:-1]])
        return sign, error, order, weight

    def f(x, label):
        _, error, order, weight = parts(x, label)
        return jnp.sum(jnp.maximum(error[order], 0.0) * weight).astype(x.dtype)

    def bwd(residuals, y_bar):
        x, label = residuals
        sign, error, order, weight = parts(x, label)
        back = jnp.zeros_like(weight).at[order].set(weight)
        return (-wide(y_bar) * sign * jnp.where(error > 0, back, 0.0)).astype(x.dtype), None

    args = normal(7), jnp.asarray([True, False, True, True, False, False, True])
    return rule(f, lambda *args: (f(*args), args), bwd), args


@right(cases, "S5")
def several_quantiles():
    """A column of predictions for each quantile, whose levels are learnt too."""

    def f(x, target, level):
        of_rank(1, target, level)
        need(x.shape == target.shape + level.shape)
        miss, tau = wide(target)[:, None] - wide(x), wide(level)[None, :]
        return jnp.mean(jnp.maximum(tau * miss, (tau - 1) * miss)).astype(x.dtype)

    def bwd(args, y_bar):
        x, target, level = map(wide, args)
        miss, share = target[:, None] - x, wide(y_bar) / max(x.size, 1)
        slope = share * (level[None, :] - 0.5 + 0.5 * jnp.sign(miss))
        return like((-slope, jnp.sum(slope, axis=1), share * jnp.sum(miss, axis=0)), args)

    args = normal(6, 3), normal(6, seed=1), jnp.asarray([0.1, 0.5, 0.9], jnp.float32)
    return rule(f, lambda *args: (f(*args), args), bwd), args


@right(cases, "S3")
def focal_loss_of_logits():
    """(1 − p)² · −log p with p = σ(±x), for logits of any size."""

    def parts(x, label):
        need(x.shape == label.shape)
        x = wide(x)
        sign = jnp.where(label, 1.0, -1.0).astype(x.dtype)
        return sign, jax.lax.logistic(-sign * x), jax.nn.softplus(-sign * x)

    def f(x, label):
        _, q, loss = parts(x, label)
        return (q * q * loss).astype(x.dtype)

    def bwd(residuals, y_bar):
        sign, q, loss = parts(*residuals)
        slope = -q * q * (2 * (1 - q) * loss + q)
        return (wide(y_bar) * sign * slope).astype(y_bar.dtype), None

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6), normal(6, seed=1) > 0)


@right(cases, "S3")
def list_likelihood_in_order():
    """Plackett and Luce's likelihood of scores in their true order; no exponential of the slope exceeds one."""

    def rest(s):
        of_rank(1, s)
        return jax.lax.cumlogsumexp(wide(s), axis=0, reverse=True)

    def f(s):
        return jnp.sum(rest(s) - wide(s)).astype(s.dtype)

    def bwd(s, y_bar):
        share = jnp.where(jnp.tri(len(s), dtype=bool), wide(s)[:, None] - rest(s)[None, :], -jnp.inf)
        return ((wide(y_bar) * (jnp.sum(jnp.exp(share), axis=1) - 1)).astype(s.dtype),)

    return rule(f, lambda s: (f(s), s), bwd), (normal(6),)


@right(cases, "S3")
def softmax_one():
    """exp(x) / (1 + Σ exp(x)): its slope is a softmax's, though its values do not sum to one."""

    def weights(x):
        top = jax.lax.stop_gradient(jnp.max(x, axis=-1, keepdims=True, initial=0.0))
        e = jnp.exp(x - top)
        return e / (jnp.exp(-top) + jnp.sum(e, axis=-1, keepdims=True))

    def f(x):
        return weights(wide(x)).astype(x.dtype)

    def bwd(x, y_bar):
        p, bar = weights(wide(x)), wide(y_bar)
        return ((p * (bar - jnp.sum(p * bar, axis=-1, keepdims=True))).astype(x.dtype),)

    return rule(f, lambda x: (f(x), x), bwd), (normal(4, 6),)


@right(cases, "S0")
def batch_norm_and_its_statistics():
    """A tuple of the normalised rows and a dict of statistics, of which each may have a cotangent."""

    def statistics(x):
        mean = jnp.mean(x, axis=0)
        return {"mean": mean, "var": jnp.mean((x - mean[None, :]) ** 2, axis=0)}

    def f(x, scale, shift):
        of_rank(2, x)
        need(scale.shape == shift.shape == x.shape[1:])
        found = statistics(wide(x))
        z = (wide(x) - found["mean"][None, :]) * jax.lax.rsqrt(found["var"] + 1e-5)[None, :]
        return (z * wide(scale)[None, :] + wide(shift)[None, :]).astype(x.dtype), found

    def bwd(args, bars):
        x, scale, _ = map(wide, args)
        bar, found = wide(bars[0]), statistics(x)
        rstd = jax.lax.rsqrt(found["var"] + 1e-5)[None, :]
        centred = x - found["mean"][None, :]
        z, z_bar = centred * rstd, bar * scale[None, :]
        x_bar = rstd * (z_bar - jnp.mean(z_bar, axis=0)[None, :] - z * jnp.mean(z_bar * z, axis=0)[None, :])
        x_bar = x_bar + (bars[1]["mean"][None, :] + 2 * centred * bars[1]["var"][None, :]) / max(len(x), 1)
        return like((x_bar, jnp.sum(bar * z, axis=0), jnp.sum(bar, axis=0)), args)

    return rule(f, lambda *args: (f(*args), args), bwd), (normal(6, 3), ones(3), zeros(3))


@right(cases, "S7")
def response_norm_of_a_radius():
    """Each channel divided by a power of its neighbours' energy; the number of neighbours is no array."""

    def window(a, radius):
        n = a.shape[1]
        padded = jnp.pad(a, ((0, 0), (radius, radius)))
        return sum(padded[:, j : j + n] for j in range(2 * radius + 1))

    def f(x, radius):
        of_rank(2, x)
        z = wide(x)
        return (z * (1 + 0.1 * window(z * z, radius)) ** -0.75).astype(x.dtype)

    def bwd(radius, x, y_bar):
        z, bar = wide(x), wide(y_bar)
        s = 1 + 0.1 * window(z * z, radius)
        z_bar = bar * s**-0.75 - 0.15 * z * window(bar * z * s**-1.75, radius)
        return (z_bar.astype(x.dtype),)

    return rule(f, lambda x, radius: (f(x, radius), x), bwd, (1,)), (normal(4, 7), 2)


@right(cases, "S5")
def segment_maximum():
    """The maxima of four segments, zero for an empty one; those that tie share the gradient."""

    def parts(x, ids):
        of_rank(1, x, ids)
        need(x.shape == ids.shape)
        member = ids[None, :] == jnp.arange(4).astype(ids.dtype)[:, None]
        top = jnp.max(jnp.where(member, x[None, :], -jnp.inf), axis=1, initial=-jnp.inf)
        return member, jnp.where(jnp.any(member, axis=1), top, 0.0)

    def f(x, ids):
        return parts(x, ids)[1]

    def bwd(residuals, y_bar):
        x, ids = residuals
        member, top = parts(x, ids)
        hit = (member & (x[None, :] == top[:, None])).astype(wide(x).dtype)
        share = wide(y_bar) / jnp.maximum(jnp.sum(hit, axis=1), 1.0)
        return (share @ hit).astype(x.dtype), None

    return rule(f, lambda *args: (f(*args), args), bwd), (uniform(7, low=-1.0), jnp.asarray([2, 0, 1, 2, 2, 0, 0]))
