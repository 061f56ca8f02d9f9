"""Layer constructors: an init, and an apply that calls one rule. The mathematics is in `funcnn.rules`."""

from ._activations import prelu as prelu
from ._activations import snake as snake
from ._affine import bilinear as bilinear
from ._affine import einsum as einsum
from ._affine import embedding as embedding
from ._affine import scale_shift as scale_shift
from ._attention import attention as attention
from ._convolution import conv as conv
from ._convolution import conv_transpose as conv_transpose
from ._convolution import depthwise_conv as depthwise_conv
from ._convolution import flatten as flatten
from ._linear import linear as linear
from ._mlp import gated_mlp as gated_mlp
from ._mlp import mlp as mlp
from ._noise import drop_path as drop_path
from ._noise import dropout as dropout
from ._noise import gaussian_noise as gaussian_noise
from ._noise import spatial_dropout as spatial_dropout
from ._normalization import batch_norm as batch_norm
from ._normalization import group_norm as group_norm
from ._normalization import instance_norm as instance_norm
from ._normalization import layer_norm as layer_norm
from ._normalization import rms_norm as rms_norm
from ._normalization import spectral_norm as spectral_norm
from ._normalization import weight_norm as weight_norm
