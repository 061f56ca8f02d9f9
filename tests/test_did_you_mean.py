"""A name that does not exist is answered with the one that is meant, and never with another."""

import re

import pytest

import funcnn as fn
from funcnn._did_you_mean import ELSEWHERE, did_you_mean
from tests.test_docs import script

MEANT = {
    "Linear": "funcnn.linear",
    "Conv2DTranspose": "funcnn.conv_transpose",
    "BatchNormalization": "funcnn.batch_norm",
    "Dropout2d": "funcnn.spatial_dropout",
    "LeakyReLU": "funcnn.leaky_relu",
    "train_state": "funcnn.TrainState",
    "lienar": "funcnn.linear",
    "verfiy": "funcnn.verify",
    "mse_loss": "funcnn.losses.squared_error",
    "CrossEntropyLoss": "funcnn.losses.softmax_cross_entropy",
    "binary_crossentropy": "funcnn.losses.sigmoid_cross_entropy",
    "kaiming_normal": "funcnn.initializers.he_normal",
    "MultiHeadAttention": None,
    "x": None,
}


def test_what_is_meant():
    assert {name: did_you_mean(name) for name in MEANT} == MEANT


def test_the_names_given_exist():
    for name, theirs in ELSEWHERE.items():
        for one in theirs.split():
            meant = str(did_you_mean(one)).rpartition(".")[2]
            assert meant == name or meant.replace("_", "") == one


def test_no_name_of_another_library_is_answered_wrongly():
    names = script("names_elsewhere")
    for library in ("torch.nn", "keras.layers", "flax.nnx"):
        lines = [(theirs.split(), names.names_here(said)) for theirs, said in names.lists()[library]]
        right = [(name, ours) for all_theirs, ours in lines if ours for name in all_theirs]
        answered = [(name, meant, ours) for name, ours in right if (meant := did_you_mean(name))]
        assert [a for a in answered if a[1].removeprefix("funcnn.").removeprefix("rules.") not in a[2]] == [], library
        assert len(answered) > 0.7 * len(right), library


@pytest.mark.parametrize(
    ("module", "name", "said"),
    [
        (fn, "Linear", "module 'funcnn' has no attribute 'Linear': did you mean funcnn.linear?"),
        (fn.losses, "mse", "module 'funcnn.losses' has no attribute 'mse': did you mean funcnn.losses.squared_error?"),
        (fn.rules, "mse", "module 'funcnn.rules' has no attribute 'mse': did you mean funcnn.rules.squared_error?"),
        (fn.losses, "relu", "module 'funcnn.losses' has no attribute 'relu': did you mean funcnn.relu?"),
        (fn.initializers, "xavier_normal", "did you mean funcnn.initializers.glorot_normal?"),
        (fn, "quantum", "module 'funcnn' has no attribute 'quantum'"),
        (fn, "_linear", "module 'funcnn' has no attribute '_linear'"),
    ],
)
def test_the_error_says_it(module, name, said):
    with pytest.raises(AttributeError, match=f"{re.escape(said)}$"):
        getattr(module, name)
