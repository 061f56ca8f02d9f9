"""Normalisations that PyTorch also has give PyTorch's values and gradients."""

import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from tests.helpers.beside_torch import SOFT, F, assert_agrees, case, channels_first, channels_last, normal, torch


def by_row():
    for i, (shape, eps) in enumerate([((3, 5), 1e-5), ((7,), 1e-3), ((2, 3, 4), 1e-5), ((4, 2), 0.1), ((1, 9), 1e-6)]):
        n = shape[-1]
        yield case(f"layer_norm-{i}", fn.rules.layer_norm, lambda x, s, t, n=n, eps=eps: F.layer_norm(x, (n,), s, t, eps),
                   normal(*shape), normal(n), normal(n), eps=eps)  # fmt: skip
        yield case(f"rms_norm-{i}", fn.rules.rms_norm, lambda x, s, n=n, eps=eps: F.rms_norm(x, (n,), s, eps),
                   normal(*shape), normal(n), eps=eps)  # fmt: skip


def by_channel():
    for i, (shape, eps) in enumerate(
        [((6, 5), 1e-5), ((3, 4, 2), 1e-3), ((2, 3, 4, 5), 1e-5), ((4, 1), 0.1), ((2, 3, 2, 2, 3), 1e-5)]
    ):
        n = shape[-1]
        yield case(f"batch_norm-{i}", fn.rules.batch_norm,
                   lambda x, s, t, eps=eps: channels_last(
                       F.batch_norm(channels_first(x), None, None, s, t, True, 0.1, eps)),
                   normal(*shape), normal(n), normal(n), eps=eps)  # fmt: skip
        mean, variance = normal(n), np.abs(normal(n)) + 0.1
        yield case(f"batch_norm_inference-{i}", lambda x, s, t, m=mean, v=variance, eps=eps: fn.rules.batch_norm_inference(
                       x, jnp.asarray(m), jnp.asarray(v), s, t, eps),
                   lambda x, s, t, m=mean, v=variance, eps=eps: channels_last(F.batch_norm(
                       channels_first(x), torch.as_tensor(m), torch.as_tensor(v), s, t, False, 0.1, eps)),
                   normal(*shape), normal(n), normal(n))  # fmt: skip


def by_group():
    for i, (shape, groups) in enumerate(
        [((2, 3, 4), 2), ((2, 5, 6), 3), ((3, 2, 2, 4), 4), ((1, 3, 6), 1), ((2, 2, 3, 2, 6), 2)]
    ):
        n = shape[-1]
        yield case(f"group_norm-{i}", fn.rules.group_norm,
                   lambda x, s, t, g=groups: channels_last(F.group_norm(channels_first(x), g, s, t)),
                   normal(*shape), normal(n), normal(n), groups=groups)  # fmt: skip
        yield case(f"instance_norm-{i}", fn.rules.instance_norm,
                   lambda x, s, t: channels_last(F.instance_norm(channels_first(x), weight=s, bias=t)),
                   normal(*shape), normal(n), normal(n))  # fmt: skip


def to_length_one():
    for i, (shape, axis) in enumerate(SOFT):
        yield case(
            f"l2_normalize-{i}",
            fn.rules.l2_normalize,
            lambda x, d=axis: F.normalize(x, dim=d),
            normal(*shape),
            axis=axis,
        )
    for i, shape in enumerate([(3, 5), (2, 3, 4), (1, 2), (4, 1), (2, 2, 3, 2)]):
        axes = tuple(range(len(shape) - 1))
        yield case(f"weight_norm-{i}", fn.rules.weight_norm, lambda v, g, axes=axes: torch._weight_norm(
                       v.movedim(-1, 0), g.reshape(-1, *(1 for _ in axes)), 0).movedim(0, -1),
                   normal(*shape), normal(shape[-1]))  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "peer", "args", "tolerance"), [*by_row(), *by_channel(), *by_group(), *to_length_one()]
)
def test_value_and_gradients_are_pytorch_s(rule, peer, args, tolerance):
    assert_agrees(rule, peer, args, tolerance)
