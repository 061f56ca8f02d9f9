"""Layers out of layers: one after another, side by side, around a shortcut, many times over, in several places."""

from ._children import LayerLike as LayerLike
from ._children import watching as watching
from ._mixed import mixed as mixed
from ._parallel import branches as branches
from ._parallel import parallel as parallel
from ._remat import remat as remat
from ._repeat import repeat as repeat
from ._residual import residual as residual
from ._serial import serial as serial
from ._shared import shared as shared
