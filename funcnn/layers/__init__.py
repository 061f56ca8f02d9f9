"""Layer constructors: an init, and an apply that calls one rule. The mathematics is in `funcnn.rules`."""

from ._convolution import conv as conv
from ._convolution import flatten as flatten
from ._linear import linear as linear
from ._normalization import batch_norm as batch_norm
from ._normalization import group_norm as group_norm
from ._normalization import instance_norm as instance_norm
from ._normalization import layer_norm as layer_norm
from ._normalization import rms_norm as rms_norm
from ._normalization import spectral_norm as spectral_norm
from ._normalization import weight_norm as weight_norm
