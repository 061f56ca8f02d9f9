"""S8: the backward pass has the derivatives of the true one, at a natural point and where the rule may have a tie."""

import jax
import jax.numpy as jnp
import numpy as np

from .._errors import one_line
from .._settings import compiled_quickly, settings
from ..judging._battery import battery
from ..judging._finite_differences import Scalar
from ..judging._judge import Context, largest
from ..judging._point import Point, nudged, place, ravel
from ..judging._verdict import decide
from .s7_transforms import spread


def second_order(context: Context) -> bool:
    """S8: the derivative of the backward pass, where the first order is right."""
    problem = context.problem
    if context.failed() or not context.trusted:
        why = "the first order is wrong already" if context.failed() else "no autodiff to compare with"
        context.skip("S8 second order", why)
        return False
    floats = tuple(spread(context.rng, a.astype(np.float64)) for a in problem.floats)
    (natural,) = context.points("", floats, problem.ints)
    weights = [context.rng.normal(size=a.shape) for a in floats]
    derivatives = _second_derivatives(context, weights)
    try:
        _judge_second_order(context, natural, weights, derivatives)
        _by_the_cotangent(context, natural, weights)
    except Exception as error:
        context.skip("S8 second order", f"not differentiable twice: {one_line(error)}")
        return False
    if context.far and _has_its_slope(context, natural, weights, derivatives):
        inputs = [made for _ in range(3) for made in battery(problem.floats, (), context.rng) if made[0] in _TIED]
        for point in (context.points(kind, floats, problem.ints)[0] for kind, floats in inputs):
            if _has_its_slope(context, point, weights, derivatives) is False:
                message = "the derivative of its cotangents is not their slope"
                context.add("S8", "fail", message, inputs=point.kind, guess="a tie inside of fwd or bwd")
    return True


_TIED = {"zeros", "integers", "normal x 30"}  # where fwd or bwd may be differentiated at a tie of its own


def _has_its_slope(context, point, weights, derivatives):
    """Whether the rule's second derivative is the slope of its cotangents along some direction.

    None where it is not finite, where rounding moves it, and where the cotangents bend or jump.
    """
    if context.dtype != "float64":
        return None
    along = [np.maximum(np.abs(a), 1e-2) * context.rng.uniform(0.5, 1, a.shape) for a in point.floats]
    nearly = nudged(point, context.eps, context.rng)
    derivative, moved = (ravel(derivatives(p)[0]) @ ravel(along) for p in (point, nearly))

    def at(t):
        moved = point._replace(floats=tuple(a + t * d for a, d in zip(point.floats, along, strict=True)))
        bars = context.run(context.problem.rule, moved)[1]
        return np.concatenate([np.ravel(w * b) for w, b in zip(weights, bars, strict=True)])

    here = at(0.0)
    slopes = np.array([np.sum(at(t) - here) / t for t in (-1e-5, -5e-6, 5e-6, 1e-5)])
    cancelled = largest(point.cots) * context.growth(point, largest)  # what cotangents are the difference of
    size = sum(np.abs(w).sum() * typical * cancelled for w, typical in zip(weights, context.typical, strict=True))
    slack = 1e-2 * max(abs(derivative), np.abs(slopes).max()) + 1e4 * context.eps / 1e-5 * (np.abs(here).sum() + size)
    steady = np.isfinite([*slopes, derivative, moved]).all() and max(np.ptp(slopes), abs(moved - derivative)) <= slack
    if not steady:
        return None
    return bool(abs(derivative - slopes.mean()) <= 3 * slack)


def _judge_second_order(context, point, weights, derivatives):
    """Compare both derivatives at a point; where they differ, finite differences of the cotangents decide."""
    x, rule, truth = (ravel(arrays) for arrays in (point.floats, *derivatives(point)))
    top = np.abs(truth).max(initial=0, where=np.isfinite(truth))
    off = lambda slack: np.isfinite(truth) & ~(np.abs(rule - truth) <= slack + 1e6 * context.eps * top + 1e-300)
    if not off(0).any():
        return
    moved = [ravel(derivatives(nudged(point, context.eps, context.rng))[1]) for _ in range(2)]
    wrong = off(16 * np.max(np.abs(moved - truth), axis=0))
    if not wrong.any():
        return
    verdict = decide(Scalar(x, _phi_of_bars(context, point, weights)), rule, truth, wrong, context.rng)
    if verdict.status != "pass":
        leaf, index = place(verdict.place, point.floats)
        message = f"{verdict.why}, in the second derivative by"
        context.add(
            "S8", verdict.status, message, argument=context.problem.names[leaf], index=index,
            got=float(rule[verdict.place]), expected=verdict.expected,
            guess="a residual under stop_gradient",
        )  # fmt: skip


def _second_derivatives(context, weights):
    """The function of a point that gives the gradients of ⟨weights, cotangents⟩, by the rule and in truth."""
    sides = context.problem.rule, context.problem.bare
    ints = list(context.problem.ints)

    def gradient(side, floats, cots):
        return jax.grad(lambda floats: _weighted(side.bars(floats, ints, cots)[1], weights))(floats)

    together = compiled_quickly(lambda *args: [gradient(side, *args) for side in sides])

    def both(point):
        with settings():
            if context.dtype == "float64":
                found = together(*context.cast(point, "float64"))
            else:
                at = zip(sides, (context.dtype, "float64"), strict=True)
                found = [gradient(side, *context.cast(point, dtype)) for side, dtype in at]
            return jax.tree.map(np.asarray, found)

    return both


def _by_the_cotangent(context, point, weights):
    """What is linear is its own derivative: ⟨weights, cotangents⟩ along the cotangent of the result is that number."""

    def pulled(cots):
        bars = context.problem.rule.bars(floats, list(point.ints), cots)[1]
        return _weighted(bars, weights), _weighted([jnp.abs(b) for b in bars], [np.abs(w) for w in weights])

    with settings():
        floats, cots = context.cast(point, context.dtype)
        found = compiled_quickly(jax.value_and_grad(pulled, has_aux=True))(cots)
        (value, size), slopes = jax.tree.map(np.asarray, found)
    slope = ravel(slopes) @ ravel(cots)
    if abs(slope - value) > 1e6 * context.eps * size:
        message = "differentiated along its cotangent, it is not itself"
        context.add("S8", "fail", message, got=float(slope), expected=float(value), guess="the cotangent held constant")


def _weighted(bars, weights):
    return sum(jnp.sum(jnp.asarray(w, b.dtype) * b) for w, b in zip(weights, bars, strict=True))


def _phi_of_bars(context, point, weights):
    """The scalar that second_order differentiates, without rules, as a function of one flat vector."""
    shapes = [a.shape for a in point.floats]
    cuts = np.cumsum([a.size for a in point.floats])[:-1]

    def bars(flat):
        parts = tuple(part.reshape(shape) for part, shape in zip(np.split(flat, cuts), shapes, strict=True))
        at = Point("", parts, point.ints, point.cots)
        return context.run(context.problem.bare, at, "float64")[1]

    start = bars(np.concatenate([np.ravel(a) for a in point.floats]))
    return lambda flat: float(sum(np.sum(w * (b - b0)) for w, b, b0 in zip(weights, bars(flat), start, strict=True)))
