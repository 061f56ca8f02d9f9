"""What may be meant by a name that a module does not have."""

import re
import sys
from collections.abc import Sequence
from typing import NoReturn

_PLACES = "funcnn", "funcnn.losses", "funcnn.rules", "funcnn.initializers"
ELSEWHERE = {  # names of other libraries, in small letters, whose own names here are unlike
    "serial": "sequential chain compose container modulelist",
    "linear": "dense affine fullyconnected fc lazylinear",
    "embedding": "embed",
    "l2_normalize": "unitnorm",
    "depthwise_conv": "separableconv",
    "spatial_dropout": "dropout1d dropout2d dropout3d",
    "drop_path": "stochasticdepth",
    "repeat": "stack scan",
    "remat": "checkpoint",
    "avg_pool": "averagepooling averagepool meanpool",
    "max_pool": "maxpooling",
    "global_avg_pool": "globalaveragepooling",
    "global_max_pool": "globalmaxpooling",
    "upsample": "interpolate resize upsamplingnearest upsamplingbilinear",
    "silu": "swish",
    "hard_silu": "hardswish",
    "scale_gradient": "stopgradient detach",
    "squared_error": "mse meansquarederror l2",
    "absolute_error": "mae meanabsoluteerror l1",
    "huber": "smoothl1",
    "hinge": "hingeembedding marginranking",
    "multiclass_hinge": "multimargin svm",
    "cosine_distance": "cosinesimilarity cosineembedding",
    "softmax_cross_entropy": "crossentropy categoricalcrossentropy sparsecategoricalcrossentropy nll",
    "sigmoid_cross_entropy": "bce bcewithlogits binarycrossentropy sigmoidbinarycrossentropy logloss",
    "kl_divergence": "kldiv kld",
    "info_nce": "contrastive",
    "he_normal": "kaimingnormal kaiming",
    "he_uniform": "kaiminguniform",
    "glorot_normal": "xaviernormal xavier",
    "glorot_uniform": "xavieruniform",
    "fit": "train trainer",
    "summary": "tabulate",
    "verify": "gradcheck checkgrads",
}


def no_attribute(module: str, name: str) -> NoReturn:
    """Raise the AttributeError of a module of this package, with the name that may be meant."""
    meant = None if name.startswith("_") else did_you_mean(name, (module, *_PLACES))
    message = f"module {module!r} has no attribute {name!r}" + (f": did you mean {meant}?" if meant else "")
    raise AttributeError(message, name=name, obj=None)  # with the module as obj, Python would suggest a name as well


def did_you_mean(name: str, places: Sequence[str] = _PLACES) -> str | None:
    """The public name like it, of the first of some modules that has one: ``"funcnn.linear"`` for ``"Dense"``."""
    from difflib import get_close_matches

    known = {_plain(function): f"{place}.{function}" for place in reversed(places) for function in _functions(place)}
    known["verify"] = f"{_PLACES[0]}.verify"
    ours = {theirs: _plain(ours) for ours, names in ELSEWHERE.items() for theirs in names.split()}
    known |= {theirs: known[one] for theirs, one in ours.items() if one in known and theirs not in known}
    asked = [name.lower().replace("_", ""), _plain(name)]
    like = [n for n in asked if n in known] or get_close_matches(asked[1], known, n=1, cutoff=0.8)
    return known[like[0]] if like else None


def _plain(name: str) -> str:
    """A name in small letters, without underscores, numbers of axes and a last ``loss``."""
    small = re.sub(r"_|[123]d|alization$", "", name.lower())
    return small.removesuffix("loss") or small


def _functions(place: str) -> list[str]:
    """The module's public functions and its own classes."""
    ours = lambda value: callable(value) and (not isinstance(value, type) or value.__module__.startswith(_PLACES[0]))
    return [name for name, value in vars(sys.modules[place]).items() if name[0] != "_" and ours(value)]
