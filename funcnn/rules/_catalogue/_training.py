"""Noise, gradient surgery and safe pieces."""

import jax.numpy as jnp

from ..gradients._clip_gradient import clip_gradient, clip_gradient_reference
from ..gradients._scale_gradient import scale_gradient, scale_gradient_reference
from ..gradients._straight_through import straight_through, straight_through_reference
from ..noise._dropout import dropout, dropout_reference
from ..noise._gaussian_noise import gaussian_noise, gaussian_noise_reference
from ..numerics._safe_divide import safe_divide, safe_divide_reference
from ..numerics._safe_norm import safe_norm, safe_norm_reference
from ..numerics._safe_sqrt import safe_sqrt, safe_sqrt_reference
from ._entry import AXES, ELEMENTWISE, Edge, Entry, Example, Key, inf, nan

_SHAPES = [(7,), (), (1,), (3, 5), (2, 1, 3), (0, 3)]


def _cut(x):
    return jnp.clip(x, -1, 1)


entries = [
    Entry(
        dropout, dropout_reference,
        [
            *(Example((shape, Key()), {"rate": rate}) for shape, rate in zip(_SHAPES, (0.5, 0.1, 0.0, 0.3, 0.9, 0.5), strict=True)),
            Example(((3, 4, 5), Key()), {"rate": 0.5, "shared": (1,)}), Example(((5, 2, 3), Key()), {"rate": 0.25, "shared": (-1, 1)}),
        ],
        [], saved=(1,),
    ),
    Entry(
        gaussian_noise, gaussian_noise_reference,
        [Example((shape, Key()), {"stddev": s}) for shape, s in zip(_SHAPES, (0.5, 0.1, 0.0, 3.0, 1.0, 0.5), strict=True)],
        [], saved=(),
    ),
    Entry(
        straight_through, straight_through_reference,
        [
            *ELEMENTWISE, Example(((5, 7),), {"f": jnp.sign}), Example(((3, 5),), {"f": _cut}),
        ],
        [Edge((0.5,), 0.0, (1.0,)), Edge((inf,), inf, (1.0,)), Edge((1.0,), 1.0, (1.0,), {"f": jnp.sign, "limit": 1.0}),
         Edge((-1.5,), -1.0, (0.0,), {"f": jnp.sign, "limit": 1.0}), Edge((inf,), 1.0, (0.0,), {"f": jnp.sign, "limit": 1.0})],
        saved=(), surrogate=True,
    ),
    Entry(
        scale_gradient, scale_gradient_reference,
        [Example(e.args, {"scale": s}) for e, s in zip(ELEMENTWISE, (0.5, -1.0, 0.0, 2.0, -0.1, 1.0), strict=True)],
        [Edge((inf,), inf, (0.5,), {"scale": 0.5}), Edge((nan,), nan, (-2.0,), {"scale": -2.0})],
        saved=(), surrogate=True,
    ),
    Entry(
        clip_gradient, clip_gradient_reference,
        [Example(e.args, {"low": a, "high": b}) for e, (a, b) in zip(
            ELEMENTWISE, ((-1.0, 1.0), (-0.1, 0.1), (-0.5, 2.0), (-1.0, 0.3), (0.0, 0.0), (-1.0, 1.0)), strict=True)],
        [Edge((inf,), inf, (0.5,), {"low": -1.0, "high": 0.5})],
        saved=(), surrogate=True, linear=False,
    ),
    Entry(
        safe_sqrt, safe_sqrt_reference, ELEMENTWISE,
        [Edge((0.0,), 0.0, (0.0,)), Edge((-1.0,), 0.0, (0.0,)), Edge((4.0,), 2.0, (0.25,)), Edge((inf,), inf, (0.0,)),
         Edge((nan,), nan, (nan,))],
        saved=("y",),
    ),
    Entry(
        safe_norm, safe_norm_reference,
        [Example(e.args, e.options | {"keepdims": i % 2 == 1}) for i, e in enumerate(AXES)],
        [Edge(([0.0, 0.0],), 0.0, ([0.0, 0.0],)), Edge(([3e30, 4e30],), 5e30, ([0.6, 0.8],)),
         Edge(([3e-200, -4e-200],), 5e-200, ([0.6, -0.8],)), Edge(([inf, 1.0],), inf, ([1.0, 0.0],)),
         Edge(([-inf, inf],), inf, ([-1.0, 1.0],)), Edge(([nan, 1.0],), nan, ([nan, nan],))],
        saved=(0, "y"),
    ),
    Entry(
        safe_divide, safe_divide_reference, [Example((shape, shape)) for shape in _SHAPES],
        [Edge((1.0, 0.0), 0.0, (0.0, 0.0)), Edge((0.0, 0.0), 0.0, (0.0, 0.0)), Edge((2.0, 4.0), 0.5, (0.25, -0.125)),
         Edge((1.0, inf), 0.0, (0.0, 0.0)), Edge((inf, 2.0), inf, (0.5, -inf)), Edge((inf, inf), nan, (0.0, nan))],
        saved=(1, "y"), batched=2,
    ),
]  # fmt: skip
