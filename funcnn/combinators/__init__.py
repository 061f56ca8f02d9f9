"""Layers out of layers: one after another, side by side, around a shortcut, many times over."""

from ._children import LayerLike as LayerLike
from ._children import watching as watching
from ._parallel import parallel as parallel
from ._repeat import repeat as repeat
from ._residual import residual as residual
from ._serial import serial as serial
