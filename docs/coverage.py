"""Writes docs/coverage.md: what PyTorch, Keras, Flax and CS231n call a layer, a loss or a function, and what it is here.

Run: python docs/coverage.py   (--check fails if the page is not what this would write)

A line of a list holds their names, a colon, and where that is found here, in backquotes; or, after a dash, why it is not.
Every name in backquotes must exist, and every rule of the catalogue must be found from somewhere.
"""

import re
import sys
from pathlib import Path

import funcnn as fn
from funcnn.rules._catalogue import catalogue

PAGE = Path(__file__).with_suffix(".md")
ELSEWHERE = "plain JAX, whose gradient nobody has to write"
LATER = "not yet: to come with the recurrent layers, attention and the fused losses"

TORCH = f"""
Linear LazyLinear: `linear`
Bilinear: `bilinear`
Identity: - `lambda x: x`: a plain function is a layer
Flatten: `flatten`
Unflatten: - `lambda x: x.reshape(...)`: {ELSEWHERE}
Sequential ModuleList ModuleDict ParameterList ParameterDict Container: `serial`, `parallel`; parameters are plain pytrees
Module DataParallel: - a layer is two functions, `Layer`; devices are JAX's, by sharding
Conv1d Conv2d Conv3d LazyConv1d LazyConv2d LazyConv3d: `conv`, channels last
ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d: `conv_transpose`
Fold Unfold: - `jax.lax.conv_general_dilated_patches`: {ELSEWHERE}
MaxPool1d MaxPool2d MaxPool3d: `max_pool`
AvgPool1d AvgPool2d AvgPool3d: `avg_pool`
AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d: `adaptive_avg_pool`, `global_avg_pool`
AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d: `global_max_pool` for one bin; - other numbers of bins are hardly used
MaxUnpool1d MaxUnpool2d MaxUnpool3d: - needs the places of the maxima as an output; hardly used
FractionalMaxPool2d FractionalMaxPool3d LPPool1d LPPool2d LPPool3d: - hardly used; LPPool is `avg_pool` of a power
Upsample UpsamplingBilinear2d UpsamplingNearest2d: `upsample_nearest`, `upsample_bilinear`
PixelShuffle: `pixel_shuffle`
PixelUnshuffle: `pixel_unshuffle`
ChannelShuffle: - a reshape and a transpose: {ELSEWHERE}
ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d ConstantPad1d ConstantPad2d ConstantPad3d CircularPad1d CircularPad2d CircularPad3d: - `jax.numpy.pad`: {ELSEWHERE}
BatchNorm1d BatchNorm2d BatchNorm3d LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d: `batch_norm`, with population statistics by `calibrate` instead of running ones
SyncBatchNorm: `batch_norm` with an axis_name
GroupNorm: `group_norm`
InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d LazyInstanceNorm2d LazyInstanceNorm3d: `instance_norm`
LayerNorm: `layer_norm`
RMSNorm: `rms_norm`
LocalResponseNorm CrossMapLRN2d: - of 2012; group and batch normalisation have taken its place
ReLU: `relu`
ReLU6: `relu6`
RReLU: - a random slope; `leaky_relu` and `prelu` have taken its place
LeakyReLU: `leaky_relu`
PReLU: `prelu`
ELU: `elu`
SELU: `selu`
CELU: `celu`
GELU: `gelu`
GLU: `glu`
SiLU: `silu`
Mish: `mish`
Sigmoid: `sigmoid`
LogSigmoid: `log_sigmoid`
Tanh: `tanh`
Tanhshrink: - `lambda x: x - fn.tanh(x)`
Hardtanh: `hard_tanh`
Hardsigmoid: `hard_sigmoid`
Hardswish: `hard_silu`
Hardshrink: `hard_shrink`
Softshrink: `soft_shrink`
Softplus: `softplus`
Softsign: `softsign`
Threshold: `threshold`
Softmax Softmax2d: `softmax`
Softmin: - `lambda x: fn.softmax(-x)`
LogSoftmax: `log_softmax`
AdaptiveLogSoftmaxWithLoss: - {LATER}
Embedding: `embedding`
EmbeddingBag: - `embedding` and a mean over an axis
Dropout: `dropout`; its rate is what it drops, as in PyTorch
Dropout1d Dropout2d Dropout3d: `spatial_dropout`
AlphaDropout FeatureAlphaDropout: - belongs to `selu` networks, hardly used
RNN RNNBase RNNCell RNNCellBase LSTM LSTMCell GRU GRUCell: - {LATER}
MultiheadAttention Transformer TransformerEncoder TransformerDecoder TransformerEncoderLayer TransformerDecoderLayer: - {LATER}
MSELoss: `losses.squared_error`
L1Loss: `losses.absolute_error`
HuberLoss: `losses.huber`
SmoothL1Loss: `losses.huber` divided by its delta
CrossEntropyLoss: `losses.softmax_cross_entropy`
NLLLoss NLLLoss2d: `losses.softmax_cross_entropy` of the logits: the loss of a log_softmax in one piece
BCEWithLogitsLoss MultiLabelSoftMarginLoss: `losses.sigmoid_cross_entropy`
BCELoss: `losses.sigmoid_cross_entropy` of the logits: a probability has lost its digits near 0 and 1
SoftMarginLoss: - `fn.softplus(-y * x)`
KLDivLoss: `losses.kl_divergence`
PoissonNLLLoss: `losses.poisson_nll`
GaussianNLLLoss: `losses.gaussian_nll`
CTCLoss LinearCrossEntropyLoss: - {LATER}
CosineEmbeddingLoss CosineSimilarity: `losses.cosine_distance`
PairwiseDistance: `safe_norm` of the difference
TripletMarginLoss TripletMarginWithDistanceLoss: `losses.triplet`
MultiMarginLoss: `losses.multiclass_hinge`, which sums over the classes where PyTorch takes the mean
MarginRankingLoss HingeEmbeddingLoss: `losses.hinge` of a difference, or of a distance
MultiLabelMarginLoss: - hardly used
"""

KERAS = f"""
Dense: `linear` and an activation
EinsumDense: `einsum`
Embedding ReversibleEmbedding: `embedding`
Activation ReLU LeakyReLU PReLU ELU Softmax: the functions `relu`, `leaky_relu`, `elu`, `softmax`; the layer `prelu`
Identity Lambda Masking: - a plain function is a layer; masks are arguments
Conv1D Conv2D Conv3D: `conv`
SeparableConv1D SeparableConv2D DepthwiseConv1D DepthwiseConv2D: `depthwise_conv`, followed by `conv` with a window of 1
Conv1DTranspose Conv2DTranspose Conv3DTranspose: `conv_transpose`
MaxPooling1D MaxPooling2D MaxPooling3D: `max_pool`
AveragePooling1D AveragePooling2D AveragePooling3D: `avg_pool`
GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D: `global_max_pool`
GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D: `global_avg_pool`
AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D: `adaptive_avg_pool`
AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D: - other than `global_max_pool`, hardly used
UpSampling1D UpSampling2D UpSampling3D: `upsample_nearest`, `upsample_bilinear`
ZeroPadding1D ZeroPadding2D ZeroPadding3D Cropping1D Cropping2D Cropping3D Reshape Permute RepeatVector: - {ELSEWHERE}
Flatten: `flatten`
Add Subtract Multiply Average Maximum Minimum Concatenate Dot: - `parallel` and a function of the tuple: {ELSEWHERE}
BatchNormalization: `batch_norm`
LayerNormalization: `layer_norm`
RMSNormalization: `rms_norm`
GroupNormalization: `group_norm`, `instance_norm`
UnitNormalization: `l2_normalize`
SpectralNormalization: `spectral_norm`
Dropout: `dropout`
SpatialDropout1D SpatialDropout2D SpatialDropout3D: `spatial_dropout`
GaussianNoise: `gaussian_noise`
GaussianDropout AlphaDropout ActivityRegularization: - hardly used; a penalty is a term of the loss
LSTM LSTMCell GRU GRUCell SimpleRNN SimpleRNNCell RNN StackedRNNCells Bidirectional TimeDistributed ConvLSTM1D ConvLSTM2D ConvLSTM3D: - {LATER}
MultiHeadAttention Attention AdditiveAttention GroupQueryAttention: - {LATER}
Discretization Hashing HashedCrossing CategoryEncoding StringLookup IntegerLookup TextVectorization Normalization Rescaling Resizing CenterCrop RandomCrop RandomFlip RandomRotation RandomZoom RandomContrast RandomBrightness: - preparation of data, not of gradients
"""

FLAX = f"""
Module Sequential List Dict: `serial`, `parallel`
Linear LinearGeneral: `linear`; several axes at once by `einsum`
Einsum: `einsum`
LoRA LoRALinear: - `parallel` of two `linear` and a sum
Embed: `embedding`
Conv: `conv`
ConvTranspose: `conv_transpose`
avg_pool: `avg_pool`
max_pool: `max_pool`
min_pool pool: - `lambda x: -fn.max_pool(-x, ...)`
BatchNorm: `batch_norm`
LayerNorm: `layer_norm`
RMSNorm: `rms_norm`
GroupNorm: `group_norm`
InstanceNorm: `instance_norm`
SpectralNorm: `spectral_norm`
WeightNorm: `weight_norm`
Dropout: `dropout`
PReLU: `prelu`
celu: `celu`
elu: `elu`
gelu: `gelu`
glu: `glu`
hard_sigmoid: `hard_sigmoid`
hard_silu hard_swish: `hard_silu`
hard_tanh: `hard_tanh`
leaky_relu: `leaky_relu`
log_sigmoid: `log_sigmoid`
log_softmax: `log_softmax`
logsumexp: `logsumexp`
relu: `relu`
relu6: `relu6`
selu: `selu`
sigmoid: `sigmoid`
silu swish: `silu`
soft_sign: `softsign`
softmax: `softmax`
softplus: `softplus`
tanh: `tanh`
identity one_hot standardize: - plain JAX
RNN RNNCellBase LSTMCell OptimizedLSTMCell GRUCell SimpleCell Bidirectional MultiHeadAttention dot_product_attention: - {LATER}
"""

CS231N = f"""
affine_forward affine_backward: `linear`
relu_forward relu_backward: `relu`
affine_relu_forward affine_relu_backward: `serial` of `linear` and `relu`
batchnorm_forward batchnorm_backward batchnorm_backward_alt: `batch_norm`: the backward pass is the faster, simplified one
layernorm_forward layernorm_backward: `layer_norm`
spatial_batchnorm_forward spatial_batchnorm_backward: `batch_norm`: channels are last, at any rank
spatial_groupnorm_forward spatial_groupnorm_backward: `group_norm`
dropout_forward dropout_backward: `dropout`, whose rate is the part that is dropped, where the course's p is what is kept
conv_forward_naive conv_backward_naive: `conv`
max_pool_forward_naive max_pool_backward_naive: `max_pool`
svm_loss: `losses.multiclass_hinge`
softmax_loss: `losses.softmax_cross_entropy`
word_embedding_forward word_embedding_backward: `embedding`
temporal_affine_forward temporal_affine_backward: `linear`, which takes any leading axes
temporal_softmax_loss: `losses.softmax_cross_entropy` with a weight as mask
rnn_step_forward rnn_forward lstm_step_forward lstm_forward: - {LATER}
"""

LISTS = {"torch.nn": TORCH, "keras.layers": KERAS, "flax.nnx": FLAX, "CS231n, the layers that students derive": CS231N}
ONLY_HERE = """
Activations: `squareplus`, `softcap`, `sine`, `snake`, `sparsemax`, `reglu`, `geglu`, `swiglu`
Affine: `scale_shift`
Noise: `drop_path`
Gradient surgery: `straight_through`, `gradient_reversal`, `scale_gradient`, `clip_gradient`
Safe pieces: `safe_sqrt`, `safe_norm`, `safe_divide`
Losses: `losses.log_cosh`, `losses.focal`, `losses.contrastive`
"""


def rows(text: str) -> list[tuple[list[str], str]]:
    """Their names, and what is said of them."""
    return [
        (names.split(), said.strip()) for names, _, said in (line.partition(":") for line in text.strip().splitlines())
    ]


def found(said: str) -> list[str]:
    """The names of this library that a line points to."""
    here, _, _ = said.partition("- ") if said.startswith("- ") else (said, "", "")
    return [name for name in re.findall(r"`([a-z_0-9.]+)`", here)]


def resolve(name: str):
    """The public object of that name: of the package, of its rules, or of its losses."""
    owner, _, last = name.rpartition(".")
    places = [fn.losses] if owner == "losses" else [fn, fn.rules]
    return next(getattr(place, last) for place in places if hasattr(place, last))


def page() -> str:
    """The whole page.

    Raises:
      LookupError: a name does not exist, or a rule of the catalogue is found from nowhere.
    """
    parts = [
        "# Where to find what you know\n",
        "Made by `docs/coverage.py` from the lists in it; it fails if a name below does not exist, or if a rule is missing.\n",
    ]
    reached = set()
    for title, text in LISTS.items():
        parts.append(f"## {title}\n\n| there | here |\n| --- | --- |")
        for names, said in rows(text):
            reached |= {name.rpartition(".")[2] for name in map(check, found(said))}
            said = f"absent: {said[2:]}" if said.startswith("- ") else said
            parts.append(f"| {', '.join(names)} | {said} |")
        parts.append("")
    parts.append("## Only here\n\n| kind | names |\n| --- | --- |")
    for names, said in rows(ONLY_HERE):
        reached |= {name.rpartition(".")[2] for name in map(check, found(said))}
        parts.append(f"| {' '.join(names)} | {said} |")
    missing = set(catalogue) - reached - INFERRED
    if missing:
        raise LookupError(f"found from nowhere: {', '.join(sorted(missing))}")
    return "\n".join(parts) + "\n"


INFERRED = {"batch_norm_inference"}  # what a layer of another name calls


def check(name: str) -> str:
    """The name, if it exists."""
    try:
        resolve(name)
    except StopIteration:
        raise LookupError(f"there is no {name}") from None
    return name


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.read_text() == page() else f"{PAGE.name} is not what {Path(__file__).name} writes: run it")
    PAGE.write_text(page())
