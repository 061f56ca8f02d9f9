r"""The one ending of every backward pass: a cotangent is given the type of its primal, shape, dtype and placement.

Broadcasting repeats an array, so its transpose sums over the copies: ⟨y_bar, broadcast(dx)⟩ = ⟨Σ y_bar, dx⟩. An array is
repeated

- along an axis, by NumPy's rules;
- over the devices of a mesh, where under `jax.shard_map` an array that is the same on all meets one that varies.

The sums over both are taken here.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import AxisType

from ._precision import as_row, widen


def cotangent(x_bar, x) -> Any:
    """Sum ``x_bar`` over whatever ``x`` was broadcast along, and round it to ``x``'s dtype.

    Args:
      x_bar: of a shape that ``x`` broadcasts to; half precision is summed in float32.
      x: the primal, of which only the type is read; or its `token`, if ``x_bar`` has the primal's shape; or None.

    Returns:
      An array of ``x``'s shape and dtype, varying over the same mesh axes as ``x``; None for None.
    """
    if x is None:
        return None
    x = jnp.asarray(x)
    if not _is_token_for(x_bar, x):
        x_bar = _summed_to(x.shape, x_bar)
    devices = _varying(x_bar) - _varying(x)
    if devices:
        x_bar = jax.lax.psum(widen(x_bar), tuple(sorted(devices)))
    return placed_as(x, x_bar.astype(x.dtype))


def per_feature(x_bar, v) -> Any:
    """The cotangent of ``v``, a row ``[features]`` or ``[1, features]``, or a number, that `as_row` made broadcast."""
    return None if v is None else cotangent(x_bar, as_row(v, x_bar)).reshape(v.shape)


def copied_as(y, a):
    """``a`` with as many copies as ``y``, of its shape, has under vmap and shard_map.

    Two results whose cotangents a backward pass adds need it: each cotangent is added once a copy.
    """
    return jnp.where(jnp.isnan(y), a, a)


def varying_as(like, a):
    """``a``, under shard_map varying over all mesh axes that ``like`` varies on: what a cotangent is pulled back at."""
    devices = _varying(like) - _varying(a)
    return jax.lax.pcast(a, tuple(sorted(devices)), to="varying") if devices else a


def token(x):
    """An array without elements, of x's dtype and placement: the residual of a rule that keeps nothing else of x."""
    x = jnp.asarray(x)
    return jax.lax.slice_in_dim(x, 0, 0, axis=-1) if x.ndim else x[None][:0]


def placement(x):
    """The sharding that a cotangent of ``x`` must have on an Explicit mesh, as ``out_sharding=``; elsewhere None."""
    sharding = jax.typeof(x).sharding
    return None if sharding.mesh.empty else sharding


def rows_placement(ids, table):
    """As ``out_sharding=``, for rows of a table that are picked by ids: as the ids are placed; elsewhere None."""
    mesh, spec = jax.typeof(ids).sharding.mesh, jax.typeof(ids).sharding.spec
    if mesh.empty:
        return None
    return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*spec, *jax.typeof(table).sharding.spec[1:]))


def convolved_placement(x, w):
    """As ``out_sharding=``, for x convolved with w: along batch and space as x is, along out as w is; elsewhere None."""
    mesh, spec = jax.typeof(x).sharding.mesh, jax.typeof(x).sharding.spec
    if AxisType.Explicit not in mesh.axis_types:
        return None
    *along, out = *spec[:-1], jax.typeof(w).sharding.spec[-1]
    taken = {name for axes in along if axes for name in (axes if isinstance(axes, tuple) else (axes,))}
    free = out is None or not taken & set(out if isinstance(out, tuple) else (out,))
    return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(*along, out if free else None))


def batch_placement(x, ndim: int):
    """As ``out_sharding=``, for x reshaped but along its first axis: divided along that alone; elsewhere None."""
    mesh, spec = jax.typeof(x).sharding.mesh, jax.typeof(x).sharding.spec
    if AxisType.Explicit not in mesh.axis_types:
        return None
    return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec(spec[0], *[None] * (ndim - 1)))


def placed_as(x, x_bar):
    """``x_bar`` divided over an Explicit mesh as ``x`` is, which may be less than what it met was."""
    sharding = jax.typeof(x).sharding
    if AxisType.Explicit not in sharding.mesh.axis_types or jax.typeof(x_bar).sharding == sharding:
        return x_bar
    return jax.sharding.reshard(x_bar, sharding)


def _is_token_for(x_bar, x):
    """Whether x is a token, not a primal: an empty axis broadcasts to nothing else."""
    return x.shape[-1:] == (0,) and x_bar.shape[-1:] != (0,)


def _summed_to(shape, x_bar):
    extra = x_bar.ndim - len(shape)
    repeated = (*range(extra), *(extra + i for i, n in enumerate(shape) if n == 1 and x_bar.shape[extra + i] != 1))
    return jnp.sum(widen(x_bar), axis=repeated).reshape(shape) if repeated else x_bar


def _varying(x):
    return jax.typeof(x).manual_axis_type.varying
