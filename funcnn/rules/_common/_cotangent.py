r"""The one place where a cotangent is given the type of its primal: shape, dtype and placement on a mesh.

Broadcasting repeats an array, so its transpose sums over the copies (⟨y_bar, broadcast(dx)⟩ = ⟨Σ y_bar, dx⟩). There are
two ways to repeat: along an axis, by NumPy's rules, and over the devices of a mesh, where `jax.shard_map` lets an array
that is the same everywhere meet one that varies. Both are undone here.
"""

import jax
import jax.numpy as jnp

from ._precision import as_row, widen


def unbroadcast(x_bar, x):
    """Sum ``x_bar`` over whatever ``x`` was broadcast along, and round it to ``x``'s dtype.

    Args:
      x_bar: of a shape that ``x`` broadcasts to.
      x: the primal; only its type is read.

    Returns:
      An array of ``x``'s shape and dtype, varying over the same mesh axes as ``x``.
    """
    shape = x.shape
    x_bar = widen(x_bar)
    extra = x_bar.ndim - len(shape)
    repeated = tuple(range(extra)) + tuple(
        extra + i for i, size in enumerate(shape) if size == 1 and x_bar.shape[extra + i] != 1
    )
    if repeated:
        x_bar = jnp.sum(x_bar, axis=repeated).reshape(shape)
    return as_primal(x_bar, x)


def as_primal(x_bar, x):
    """Sum ``x_bar``, of the primal's shape, over the devices that ``x`` was repeated on, and round it to ``x``'s dtype.

    Args:
      x_bar: of the primal's shape.
      x: the primal, or its `token`.
    """
    devices = _varying(x_bar) - _varying(x)
    if devices:
        x_bar = jax.lax.psum(x_bar, tuple(sorted(devices)))
    return x_bar.astype(x.dtype)


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


def _varying(x):
    return jax.typeof(x).manual_axis_type.varying


def per_feature(a, v):
    """The cotangent of ``v``, one number a feature, where ``a`` is that of its repetition along all other axes."""
    return None if v is None else unbroadcast(a, as_row(v, a)).reshape(v.shape)
