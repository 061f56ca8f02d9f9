r"""Embedding: a row of a table for each id.

Forward
    y[r] = table[ids[r]]                 ids [...]   table [rows, features]   y [..., features]

Backward
    table_bar[i] = Σ y_bar[r]            over all r with ids[r] = i
    table_bar[padding_id] = 0            where there is a padding_id

Derivation
    y = P table, where P[r, i] is 1 if ids[r] = i and 0 otherwise. A matrix moves to the other side of ⟨·,·⟩ as its
    transpose: ⟨y_bar, P dtable⟩ = ⟨Pᵀ y_bar, dtable⟩. Pᵀ adds: the row of an id that comes twice gets both cotangents.
    The row of padding_id is held constant: its drow is 0.

Residuals
    The ids and the table, which the caller holds anyway (of the table only the shape is read).

Edges
    An id outside the table gives a row of NaN, so that it is noticed, and adds to no row of table_bar. Negative ids are
    outside: they do not count from the end. Half precision is added up in float32 and rounded once.

Source
    Bengio et al., "A neural probabilistic language model", 2003, section 2.

What the rule gives beyond autodiff: a table in half precision has its gradient summed in float32, and an id out of range
gives NaN.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import describe, is_int, shapes
from .._common._cotangent import cotangent, placement, rows_placement
from .._common._precision import widen


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def embedding(ids: Array, table: Array, padding_id: int | None = None) -> Array:
    """The table's row for each id.

    Args:
      ids: ``[...]``, integers from 0 to rows - 1.
      table: ``[rows, features]``, floating.
      padding_id: an id whose row has gradient 0, as PyTorch's ``padding_idx``; its row is as the table has it. None for
        no such id.

    Returns:
      ``[..., features]``, of the table's dtype: NaN for an id outside the table.

    Raises:
      TypeError: the ids are not integers, or the table is not floating.
      ValueError: the table is not a matrix, or padding_id is not one of its rows.
    """
    return embedding_fwd(ids, table, padding_id)[0]


def embedding_fwd(ids, table, padding_id):
    shapes("embedding", table=(table, "rows features"))
    if not hasattr(ids, "dtype") or not jnp.issubdtype(ids.dtype, jnp.integer):
        raise TypeError(f"embedding: ids must be an array of integers, got {describe(ids)}")
    require_row(padding_id, len(table))
    placed = rows_placement(ids, table)
    rows = jnp.asarray(table).at[ids]
    y = rows.get(mode="fill", fill_value=jnp.nan, wrap_negative_indices=False, out_sharding=placed)
    if padding_id is not None:
        y = jnp.where(jnp.equal(ids, int(padding_id))[..., None], jax.lax.stop_gradient(y), y)
    return y, (ids, table)


def embedding_bwd(padding_id, residuals, y_bar):
    ids, table = residuals
    if padding_id is not None:
        y_bar = jnp.where(jnp.equal(ids, int(padding_id))[..., None], 0, y_bar)
    rows = jnp.zeros(table.shape, widen(table).dtype, out_sharding=placement(table))
    table_bar = rows.at[ids].add(widen(y_bar), mode="drop", wrap_negative_indices=False, out_sharding=placement(table))
    return None, cotangent(table_bar, table)


embedding.defvjp(embedding_fwd, embedding_bwd)


def embedding_reference(ids, table, padding_id=None):
    """The product with a matrix that has a 1 at each id; the row of padding_id is a constant."""
    if padding_id is not None:
        table = table.at[padding_id].set(jax.lax.stop_gradient(table[padding_id]))
    return jnp.tensordot(jax.nn.one_hot(ids, table.shape[0], dtype=table.dtype), table, 1)


def require_row(padding_id, rows: int) -> None:
    """Raise ValueError unless it is None or one of the rows."""
    if padding_id is not None and not (is_int(padding_id) and 0 <= padding_id < rows):
        raise ValueError(f"embedding: padding_id must be an int from 0 to {rows - 1} or None, got {padding_id!r}")
