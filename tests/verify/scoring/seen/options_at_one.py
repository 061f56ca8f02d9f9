"""Options whose usual value hides a factor, and gates that may be left out: wrong rules, and right ones."""

import jax
import jax.numpy as jnp

from tests.helpers.case import Case, need, normal, of_rank, right, rule, uniform, wrong
from tests.helpers.witness import differs, gap, pullbacks, smooth

cases: list[Case] = []


def with_option(value):
    """A witness: another value of the option, which is the last argument."""

    def witness(f, *args):
        given = [lambda *a, g=g: g(*a, value) for g in (f, f.__wrapped__)]
        return gap(*pullbacks(given, smooth(args[:-1]))) > 1e-3

    return witness


def similarity(scaled):
    """scale · q kᵀ, the scale an option of Python."""

    def f(q, k, scale):
        of_rank(2, q, k)
        need(q.shape[1] == k.shape[1])
        return scale * jnp.matmul(q, k.T, precision="highest")

    def bwd(scale, residuals, y_bar):
        q, k = residuals
        bar = scale * y_bar if scaled else y_bar
        return jnp.matmul(bar, k, precision="highest"), jnp.matmul(bar.T, q, precision="highest")

    made = jax.custom_vjp(f, nondiff_argnums=(2,))
    made.defvjp(lambda q, k, scale: (f(q, k, scale), (q, k)), bwd)
    return made, (normal(4, 3), normal(5, 3, seed=1), 1.0)


@wrong(cases, "right at scale 1 only: the backward pass leaves the option out", "S3", with_option(0.5))
def similarity_at_scale_one():
    return similarity(False)


@right(cases, "S3")
def similarity_at_any_scale():
    return similarity(True)


def softmax(divided):
    """softmax(x / temperature)."""

    def f(x, temperature):
        return jax.nn.softmax(x / temperature, axis=-1)

    def bwd(temperature, y, y_bar):
        x_bar = y * (y_bar - jnp.sum(y * y_bar, axis=-1, keepdims=True))
        return (x_bar / temperature if divided else x_bar,)

    made = jax.custom_vjp(f, nondiff_argnums=(1,))
    made.defvjp(lambda x, temperature: (f(x, temperature),) * 2, bwd)
    return made, (normal(4, 6), 1.0)


@wrong(cases, "right at temperature 1 only", "S3", with_option(2.0))
def softmax_at_temperature_one():
    return softmax(False)


@right(cases, "S3")
def softmax_at_any_temperature():
    return softmax(True)


def quadratic(power):
    """delta² (√(1 + (x / delta)²) − 1), a loss whose slope is x / √(1 + (x / delta)²)."""

    def f(x, delta):
        return delta**2 * (jnp.sqrt(1 + (x / delta) ** 2) - 1)

    def bwd(delta, x, y_bar):
        return (y_bar * x / jnp.sqrt(1 + (x / delta) ** 2) * delta**power,)

    made = jax.custom_vjp(f, nondiff_argnums=(1,))
    made.defvjp(lambda x, delta: (f(x, delta), x), bwd)
    return made, (normal(4, 6), 1.0)


@wrong(cases, "a factor delta too much, which is 1 in the example", "S3", with_option(0.5))
def pseudo_huber_at_delta_one():
    return quadratic(1)


@right(cases, "S3")
def pseudo_huber_at_any_delta():
    return quadratic(0)


def without_gate():
    """A witness: the last argument left out."""
    return differs(lambda *args: (*smooth(args[:-1]), None))


def gated_norm(without):
    """x / rms(x) · scale, times a gate's sigmoid if there is a gate."""

    def normed(x):
        return x * jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-3)

    def f(x, gate):
        y = normed(x)
        return y if gate is None else y * jax.lax.logistic(gate)

    def bwd(residuals, y_bar):
        x, gate = residuals
        y, gate_bar = normed(x), None
        if gate is not None:
            sigmoid = jax.lax.logistic(gate)
            y_bar, gate_bar = y_bar * sigmoid, y_bar * y * sigmoid * (1 - sigmoid)
        rstd = jax.lax.rsqrt(jnp.mean(x * x, axis=-1, keepdims=True) + 1e-3)
        if gate is None and not without:
            return rstd * y_bar, None
        return rstd * (y_bar - y * jnp.mean(y * y_bar, axis=-1, keepdims=True)), gate_bar

    return rule(f, lambda x, gate=None: (f(x, gate), (x, gate)), bwd), (normal(4, 6), normal(4, 6, seed=1))


@wrong(cases, "without the optional gate the centring is lost", "S3", without_gate())
def gated_norm_wrong_without_gate():
    return gated_norm(False)


@right(cases, "S3")
def gated_norm_with_or_without_gate():
    return gated_norm(True)


def mixing(kept):
    """A step of a recurrence, h ← a h + x, with a the gate's sigmoid, or h ← h / 2 + x without a gate."""

    def f(x, h, gate):
        return (0.5 if gate is None else jax.lax.logistic(gate)) * h + x

    def bwd(residuals, y_bar):
        h, gate = residuals
        if gate is None:
            return y_bar, kept * y_bar, None
        a = jax.lax.logistic(gate)
        return y_bar, a * y_bar, y_bar * h * a * (1 - a)

    made = rule(f, lambda x, h, gate=None: (f(x, h, gate), (h, gate)), bwd)
    return made, (normal(5), normal(5, seed=1), normal(5, seed=2))


@wrong(cases, "without its gate a state's cotangent does not decay", "S3", without_gate())
def state_wrong_without_gate():
    return mixing(1.0)


@right(cases, "S3")
def state_with_or_without_gate():
    return mixing(0.5)


def weighted(divisor):
    """The mean squared error, over weights that may be left out."""

    def f(x, target, weight):
        need(x.shape == target.shape)
        each = (x - target) ** 2
        return jnp.mean(each) if weight is None else jnp.sum(weight * each) / jnp.sum(weight)

    def bwd(residuals, y_bar):
        x, target, weight = residuals
        error = x - target
        if weight is None:
            x_bar = 2 * y_bar * error / divisor(x)
            return x_bar, -x_bar, None
        total = jnp.sum(weight)
        x_bar = 2 * y_bar * weight * error / total
        loss = jnp.sum(weight * error**2) / total
        return x_bar, -x_bar, y_bar * (error**2 - loss) / total

    made = rule(f, lambda x, target, weight=None: (f(x, target, weight), (x, target, weight)), bwd)
    return made, (normal(3, 4), normal(3, 4, seed=1), uniform(3, 4, low=0.5, seed=2))


@wrong(cases, "without weights the mean is over rows alone", "S3", without_gate())
def weighted_error_wrong_without_weights():
    return weighted(len)


@right(cases, "S3")
def weighted_error_with_or_without_weights():
    return weighted(lambda x: x.size)
