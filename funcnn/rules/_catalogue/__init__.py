"""Every rule with all that the rest of the library must know of it: tests, verify, benchmarks and docs loop over it."""

from . import (
    _activations,
    _affine,
    _convolution,
    _losses,
    _normalization,
    _rectifiers,
    _smooth,
    _softmax,
    _training,
    _windows,
)
from ._entry import Classes as Classes
from ._entry import Edge as Edge
from ._entry import Entry as Entry
from ._entry import Example as Example
from ._entry import Key as Key
from ._entry import Signs as Signs
from ._entry import Simplex as Simplex
from ._entry import Uniform as Uniform
from ._entry import draw as draw
from ._entry import inf as inf
from ._entry import nan as nan
from ._entry import residual_bytes as residual_bytes

_FAMILIES = (
    *(_affine, _convolution, _windows, _normalization, _activations, _rectifiers, _smooth, _softmax),
    *(_losses, _training),
)

catalogue: dict[str, Entry] = {entry.name: entry for family in _FAMILIES for entry in family.entries}
