r"""The squared norm of one example's cotangent of a weight, from the factors of the product that the cotangent is.

Forward
    The cotangent of a weight is a sum over rows of outer products, w_bar = Σ_r x_r ⊗ g_r, with x [rows, n], g [rows, m].

Norm
    ‖w_bar‖² = Σ_rs (x_r · x_s) (g_r · g_s), the sum of the entrywise product of two Gram matrices [rows, rows]. For one
    row it is ‖x‖² ‖g‖². Where [rows, rows] twice is larger than [n, m], w_bar itself is formed, and its entries squared.

Source
    Goodfellow, "Efficient per-example gradient computations", 2015, for one row; Li et al., "Large language models can be
    strong differentially private learners", 2022, section 4, for Gram matrices; Bu et al., "Scalable and efficient
    training of large convolutional neural networks with differential privacy", 2022, for the choice between the two.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ... import rules
from ...rules._common._precision import widen
from ...rules.affine._einsum import indices_of
from ...rules.spatial._window import channels_last, geometry

Square = Callable[..., jax.Array | None]


class Known(NamedTuple):
    """What is known of a rule beyond its passes.

    Attributes:
      rows: ``rows(args)``: the numbers of the arguments whose first axis is that of independent rows, as it is the
        result's, for arguments of such shapes.
      squares: by the number of an argument, ``square(args, y_bar)``: the squared norm of its cotangent, None where forming
        the cotangent takes no more memory.
    """

    rows: Callable[[tuple[Any, ...]], tuple[int, ...]]
    squares: Mapping[int, Square] = {}


def square_of(tree: Any) -> jax.Array:
    """The sum of the squares of all entries, in JAX's default dtype."""
    return sum((jnp.sum(jnp.square(widen(a))).astype(float) for a in jax.tree.leaves(tree)), jnp.zeros(()))


def _outer(*factors):
    """The squared norm of the sum over rows of the outer products of factors ``[rows, n]``."""
    rows = factors[0].shape[0]
    if len(factors) * rows**2 >= math.prod(a.shape[1] for a in factors):
        return None
    return jnp.sum(math.prod(_gram(a) for a in factors))


def _gram(a):
    a = widen(a)
    return jnp.matmul(a, a.T, precision="highest")


def _flat(a, axes: int = 1):
    """The last axes as one, and those before them as one."""
    return a.reshape(math.prod(a.shape[: a.ndim - axes]), math.prod(a.shape[a.ndim - axes :]))


def _of_linear(args, y_bar):
    return _outer(_flat(args[0]), _flat(y_bar))


def _of_bilinear(args, y_bar):
    return _outer(_flat(args[0]), _flat(args[1]), _flat(y_bar))


def _of_einsum(args, y_bar):
    """The rows are the indices that w does not have; an index of all three terms is none of an outer product."""
    x, w, equation = args
    ix, iw, iy = indices_of(equation, x, w)
    if {*ix} & {*iw} & {*iy}:
        return None
    rows = "".join(i for i in ix if i not in iw)
    x_first, y_first = (rows + "".join(i for i in term if i not in rows) for term in (ix, iy))
    x, y_bar = jnp.einsum(f"{ix}->{x_first}", x), jnp.einsum(f"{iy}->{y_first}", y_bar)
    return _outer(*(_flat(a, a.ndim - len(rows)) for a in (x, y_bar)))


def _of_conv(args, y_bar):
    """Rows are places, and x's factor is what the window sees at each."""
    x, w, _, stride, padding, dilation, groups = args
    if groups != 1:
        return None
    stride, padding, dilation = geometry("conv", x, w.shape[:-2], stride, padding, dilation)
    places = math.prod(y_bar.shape[:-1])
    if 2 * places**2 >= w.size:
        return None
    seen = lax.conv_general_dilated_patches(
        widen(x), w.shape[:-2], stride, padding, rhs_dilation=dilation, dimension_numbers=channels_last(x)
    )
    return _outer(_flat(seen), _flat(y_bar))


def _of_embedding(args, y_bar):
    """Two rows with the same id add up; ids outside the table, and the padding's, add to no row of it."""
    ids, table, padding_id = args
    ids, g = ids.reshape(-1), _flat(widen(y_bar))
    if len(ids) ** 2 >= table.size:
        return None
    counts = (ids >= 0) & (ids < len(table)) & (ids != (-1 if padding_id is None else padding_id))
    same = (ids[:, None] == ids[None, :]) & counts[:, None]
    return jnp.sum(jnp.where(same, _gram(g), 0))


def _first(*numbers: int, rank: int = 2):
    """These arguments, if the first of them has that many axes."""
    return lambda args: numbers if numbers and args[numbers[0]].ndim >= rank else ()


def _first_of_einsum(args):
    """x, if its first index is that of rows."""
    ix, iw, iy = indices_of(args[2], *args[:2])
    return (0,) if ix and ix[0] not in iw and ix[0] == iy[0] else ()


UNKNOWN = Known(_first())
KNOWN: Mapping[Any, Known] = {
    rules.linear: Known(_first(0), {1: _of_linear}),
    rules.bilinear: Known(_first(0, 1), {2: _of_bilinear}),
    rules.einsum: Known(_first_of_einsum, {1: _of_einsum}),
    rules.embedding: Known(_first(0, rank=1), {1: _of_embedding}),
    rules.conv: Known(_first(0), {1: _of_conv}),
    rules.conv_transpose: Known(_first(0)),
}
