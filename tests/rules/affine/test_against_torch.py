"""Affine rules that PyTorch also has give PyTorch's values and gradients."""

import jax.numpy as jnp
import pytest

import funcnn as fn
from tests.helpers.beside_torch import RNG, F, assert_agrees, case, normal, torch


def linear():
    for shape, out, bias in [
        ((3, 5), 2, True),
        ((5,), 4, True),
        ((2, 3, 4), 3, False),
        ((1, 1), 1, True),
        ((2, 1, 3, 2), 5, True),
    ]:
        b = normal(out) if bias else None
        yield case(
            "linear",
            fn.rules.linear,
            lambda x, w, b=None: F.linear(x, w.T, b),
            normal(*shape),
            normal(shape[-1], out),
            *([b] if bias else []),
        )


def bilinear():
    for i, (n, m, k) in enumerate([(3, 4, 2), (1, 5, 3), (5, 1, 1), (2, 2, 2), (4, 3, 5)]):
        yield case(
            f"bilinear-{i}",
            fn.rules.bilinear,
            lambda x, z, w, b: F.bilinear(x, z, w.movedim(-1, 0), b),
            normal(3, n),
            normal(3, m),
            normal(n, m, k),
            normal(k),
        )


def embedding():
    for i, (ids, rows, n) in enumerate([((5,), 3, 4), ((2, 3), 7, 2), ((1,), 1, 3), ((4, 1, 2), 5, 1), ((6,), 2, 5)]):
        drawn = RNG.integers(0, rows, ids)
        for name, padding in {"embedding": None, "embedding-padding": int(drawn.flat[0])}.items():
            yield case(
                f"{name}-{i}",
                lambda table, ids=drawn, p=padding: fn.rules.embedding(jnp.asarray(ids), table, p),
                lambda table, ids=drawn, p=padding: F.embedding(torch.as_tensor(ids), table, p),
                normal(rows, n),
            )


@pytest.mark.parametrize(("rule", "peer", "args", "tolerance"), [*linear(), *bilinear(), *embedding()])
def test_value_and_gradients_are_pytorch_s(rule, peer, args, tolerance):
    assert_agrees(rule, peer, args, tolerance)
