"""Loops, and solutions differentiated by their equation: equinox, optimistix, flowjax, diffrax, netket."""

from typing import Any

from .._rule import Call, Rule
from ._calls import array, calling, normal, scalar


def checkpointed() -> Call:
    """A while loop that keeps checkpoints and computes the rest anew."""
    import equinox.internal as eqxi
    import jax.numpy as jnp

    def f(x: Any) -> Any:
        body = lambda state: (state[0] + 1, jnp.sin(state[1]) + 0.1 * state[1])
        return eqxi.while_loop(lambda state: state[0] < 5, body, (0, x), max_steps=8, kind="checkpointed")[1]

    return Call(f, (array(0.3, -1.2, 0.8),))


def root() -> Call:
    """The root of a cubic, as exact as Newton's tolerance."""
    import optimistix

    def f(a: Any, b: Any) -> Any:
        fn = lambda y, args: y + args[0] * y**3 - args[1]
        return optimistix.root_find(fn, optimistix.Newton(rtol=1e-6, atol=1e-6), b, (a, b)).value

    return Call(f, (array(0.3, 0.5, 0.8), array(1.0, -2.0, 0.4)))


def inverse() -> Call:
    """The inverse of an affine map, differentiated by the map; a scale below 0 raises."""
    from flowjax.bijections import Affine, NumericalInverse

    def f(y: Any, loc: Any, scale: Any) -> Any:
        solved = lambda bijection, y, condition=None: bijection.inverse(y)
        return NumericalInverse(Affine(loc, scale), solved).inverse(y)

    return Call(f, (array(0.3, -1.2), array(0.1, 0.2), array(1.5, 0.7)), {"domain": {"scale": "positive"}})


def backsolve() -> Call:
    """A linear equation solved to a tolerance, and its adjoint backwards: gradients are approximate, as diffrax says."""
    import diffrax

    def f(y0: Any, a: Any) -> Any:
        control = diffrax.PIDController(rtol=1e-5, atol=1e-5)
        term = diffrax.ODETerm(lambda t, y, a: -a * y)
        return diffrax.diffeqsolve(term, diffrax.Tsit5(), 0.0, 1.0, 0.1, y0, a, stepsize_controller=control,
                                   adjoint=diffrax.BacksolveAdjoint()).ys  # fmt: skip

    return Call(f, (array(0.3, -1.2), array(0.5, 1.5)), {"surrogate": True})


def packed() -> Call:
    """A model evaluated on the rows that a mask selects."""
    import jax.numpy as jnp
    from netket.jax import apply_packed

    def f(pars: Any, fill: Any) -> Any:
        rows, mask = normal(5, 3).astype(pars.dtype), jnp.array([True, False, True, True, False])
        return apply_packed(lambda p, x: jnp.tanh(x @ p), pars, rows, mask, fill, chunk_size=2, axis_0_is_sharded=False)

    return Call(f, (array(0.3, -1.2, 0.8), scalar(0.4)))


RULES = (
    Rule("equinox", "equinox.internal.while_loop", "equinox/internal/_loop/checkpointed.py", checkpointed),
    Rule("equinox", "equinox.internal.nextafter", "equinox/internal/_nextafter.py",
         calling("equinox.internal:nextafter", array(0.3, -1.2, 0.8))),
    Rule("optimistix", "optimistix.root_find", "optimistix/_ad.py", root),
    Rule("flowjax", "flowjax.bijections.NumericalInverse", "flowjax/bijections/utils.py", inverse),
    Rule("diffrax", "diffrax.BacksolveAdjoint", "diffrax/_adjoint.py", backsolve),
    Rule("netket", "netket.jax.apply_packed", "netket/jax/_apply_packed.py", packed),
)  # fmt: skip
