"""Affine layers other than linear: scale_shift, bilinear, einsum and embedding, by the rules of these names."""

import jax
import jax.numpy as jnp
from jax.core import Tracer as _Tracer

from .. import initializers, rules
from .._core import Layer, Stream, split_key
from .._shown import shown
from .._streaming import refuse, stream_of
from ..rules._common._checks import describe, require_bool
from ..rules.affine._einsum import indices_of
from ..rules.affine._embedding import require_row
from ._example import features as features_of
from ._example import positive


@shown
def scale_shift(
    *, scale: bool = True, shift: bool = True, scale_init=initializers.ones, shift_init=initializers.zeros
) -> Layer:
    """``y = scale x + shift``, with one scale and one shift for each feature.

    Args:
      scale, shift: whether there is a ``scale``, and a ``shift``.
      scale_init, shift_init: initializers, see `funcnn.initializers`.

    Returns:
      A layer with parameters ``{"scale": [features], "shift": [features]}`` in x's dtype, for x ``[..., features]``.
    """
    require_bool("scale_shift", scale=scale, shift=shift)

    def init(key, x):
        n, dtype = features_of("scale_shift", x)
        scale_key, shift_key = split_key(key)
        params = {"scale": scale_init(scale_key, (n,), dtype)} if scale else {}
        return params | ({"shift": shift_init(shift_key, (n,), dtype)} if shift else {})

    def apply(params, x, *, key=None, training=False):
        del key, training
        return rules.scale_shift(x, params.get("scale"), params.get("shift"))

    return Layer(init, apply)


@shown
def bilinear(
    features: int, *, bias: bool = True, w_init=initializers.lecun_normal(in_axis=(0, 1)), b_init=initializers.zeros
) -> Layer:
    """A bilinear form of the rows of a pair ``(x, z)`` for each feature, plus a bias.

    Args:
      features: the size of y's last axis.
      bias: whether there is a ``b``.
      w_init, b_init: initializers, see `funcnn.initializers`.

    Returns:
      A layer with parameters ``{"w": [n, m, features], "b": [features]}`` in x's dtype, for x ``[..., n]`` and z
      ``[..., m]``.

    Raises:
      TypeError, ValueError: features is not a positive int, or bias not a bool; or, by init and apply, x is not
        such a pair.

    Example:
      >>> layer, pair = bilinear(2), (jnp.ones((4, 3)), jnp.ones((4, 5)))
      >>> layer.apply(layer.init(jax.random.key(0), pair), pair).shape
      (4, 2)
    """
    positive("bilinear", "features", features)
    require_bool("bilinear", bias=bias)

    def init(key, pair):
        x, z = _both(pair)
        (n, dtype), (m, _) = features_of("bilinear", x), features_of("bilinear", z)
        w_key, b_key = split_key(key)
        params = {"w": w_init(w_key, (n, m, features), dtype)}
        return params | ({"b": b_init(b_key, (features,), dtype)} if bias else {})

    def apply(params, pair, *, key=None, training=False):
        del key, training
        return rules.bilinear(*_both(pair), params["w"], params.get("b"))

    return Layer(init, apply)


@shown
def einsum(equation: str, shape: tuple[int, ...], *, w_init=None) -> Layer:
    """The contraction of x with one weight, such as ``einsum("...d,dhk->...hk", (512, 8, 64))``.

    Args:
      equation: as in `funcnn.rules.einsum`: x's term, the weight's, and the result's.
      shape: of the weight.
      w_init: an initializer; by default lecun_normal, whose input axes are those that are summed over.

    Returns:
      A layer with parameters ``{"w": shape}`` in x's dtype.

    Raises:
      TypeError, ValueError: equation or shape is not as described; or, by init, they do not fit x.
    """
    for n in shape if isinstance(shape, (tuple, list)) else [shape]:
        positive("einsum", "shape", n)

    def init(key, x):
        like = jax.ShapeDtypeStruct(shape, features_of("einsum", x)[1])
        _, w, y = indices_of(equation, x, like)
        return {"w": (w_init or _over_what_is_summed(w, y))(key, like.shape, like.dtype)}

    def apply(params, x, *, key=None, training=False):
        del key, training
        return rules.einsum(x, params["w"], equation)

    by_position = Layer(init, apply)

    def start(params, like):
        x, w, y = indices_of(equation, like, params["w"])
        if x[:2] != y[:2] or {*x[:2]} & {*w}:
            refuse(f"einsum's {equation!r} contracts or moves the axes [batch, positions]")
        return stream_of(by_position).start(params, like)

    return by_position._replace(stream=Stream(start, stream_of(by_position).step))


@shown
def embedding(
    rows: int, features: int, *, padding_id: int | None = None, table_init=initializers.normal(1.0), dtype=jnp.float32
) -> Layer:
    """A learned row for each id.

    Args:
      rows: how many ids there are.
      features: the size of a row.
      padding_id: an id whose row is drawn as 0 and stays so, since its gradient is 0; None for no such id.
      table_init: an initializer.
      dtype: of the table, because ids are integers.

    Returns:
      A layer with parameters ``{"table": [rows, features]}``, for ids ``[...]`` from 0 to rows - 1; its result is
      ``[..., features]``. Outside of jit an id beyond that range raises ValueError; inside, its row is NaN.

    Raises:
      TypeError, ValueError: rows or features is not a positive int, or padding_id not an id; or, by apply, ids are not
        integers in range.

    Example:
      >>> layer = embedding(10, 4)
      >>> layer.apply(layer.init(jax.random.key(0), jnp.array([1, 2])), jnp.array([[1, 9, 1]])).shape
      (1, 3, 4)
    """
    positive("embedding", "rows", rows)
    positive("embedding", "features", features)
    require_row(padding_id, rows)

    def init(key, ids):
        del ids
        table = table_init(split_key(key, 1)[0], (rows, features), dtype)
        return {"table": table if padding_id is None else table.at[padding_id].set(0)}

    def apply(params, ids, *, key=None, training=False):
        del key, training
        _require_ids(ids, rows)
        return rules.embedding(ids, params["table"], padding_id)

    return Layer(init, apply)


def _both(pair):
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise TypeError(f"bilinear: x must be a pair (x, z), got {describe(pair)}")
    return pair


def _over_what_is_summed(w, y):
    """The initializer of a weight with indices w, of which those that the result y lacks are inputs."""
    summed = tuple(axis for axis, index in enumerate(w) if index not in y)
    kept = tuple(axis for axis, index in enumerate(w) if index in y)
    return initializers.lecun_normal(in_axis=summed, out_axis=kept)


def _require_ids(ids, rows):
    """Raise for an id out of range; a tracer has no values."""
    if isinstance(ids, _Tracer) or not hasattr(ids, "dtype") or not jnp.issubdtype(ids.dtype, jnp.integer):
        return
    outside = jax.device_get(ids)
    outside = outside[(outside < 0) | (outside >= rows)]
    if outside.size:
        raise ValueError(f"embedding: ids must be from 0 to {rows - 1}, got {outside.flat[0]}")
