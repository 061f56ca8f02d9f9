"""A traced program evaluated equation by equation, with a change in one of them."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import Literal

# The parameter of an equation that holds the programs inside it, where a fault can be as well.
_BODIES = {"jit": "jaxpr", "scan": "jaxpr", "while": "body_jaxpr", "cond": "branches"}


def _bodies(e):
    """The programs inside an equation and their tree; what takes a key is JAX's own and left whole."""
    keyed = any(jnp.issubdtype(v.aval.dtype, jax.dtypes.prng_key) for v in e.invars)
    return jax.tree.flatten(None if keyed else e.params.get(_BODIES.get(e.primitive.name)))


def _equations(jaxpr):
    """All equations in order, each after its path of indices from the top."""
    for i, e in enumerate(jaxpr.eqns):
        yield (i,), e
        for j, body in enumerate(_bodies(e)[0]):
            yield from (((i, j, *path), inner) for path, inner in _equations(body.jaxpr))


def _run(program, xs=(), path=(), change: Any = None):
    """A program's results, equation by equation; the one at the path gives what ``change`` makes of it."""
    jaxpr = program.jaxpr
    env = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*program.consts, *xs], strict=True))
    read = lambda v: v.val if isinstance(v, Literal) else env[v]
    for i, e in enumerate(jaxpr.eqns):
        run = partial(_bind, _inside(e, path[1:], change) if path[:1] == (i,) and path[1:] else e)
        operands = [read(v) for v in e.invars]
        out = change(e, operands, run) if path == (i,) else run(*operands)
        env.update(zip(e.outvars, [out] if len(e.outvars) == 1 else out, strict=True))
    return [read(v) for v in jaxpr.outvars]


def _bind(e, *operands, **changed):
    """An equation's result; a list of them where there are several."""
    with e.ctx.manager:
        out = e.primitive.bind(*operands, **e.primitive.get_bind_params(e.params | changed))
    return out[0] if e.primitive.multiple_results and len(e.outvars) == 1 else out


def _inside(e, path, change):
    """The equation with the change in one of its bodies."""
    bodies, tree = _bodies(e)
    body = bodies[path[0]]
    bodies[path[0]] = jax.make_jaxpr(lambda *xs: _run(body, xs, path[1:], change))(*body.in_avals)
    return e.replace(params=e.params | {_BODIES[e.primitive.name]: tree.unflatten(bodies)})
