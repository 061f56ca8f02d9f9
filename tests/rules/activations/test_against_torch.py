"""Activations that PyTorch also has give PyTorch's values and gradients."""

import pytest

import funcnn as fn
from tests.helpers.beside_torch import SOFT, F, assert_agrees, case, elementwise, normal, torch


def smooth():
    yield from elementwise("tanh", torch.tanh)
    yield from elementwise("sigmoid", torch.sigmoid)
    yield from elementwise("softplus", lambda x: F.softplus(x, threshold=50))
    yield from elementwise(
        "gelu", F.gelu, *(({"approximate": a}, {"approximate": "tanh" if a else "none"}) for a in (True, False))
    )
    yield from elementwise("silu", F.silu)
    yield from elementwise("mish", F.mish)
    yield from elementwise("softsign", F.softsign)
    yield from elementwise("log_sigmoid", F.logsigmoid)


def with_kinks():
    yield from elementwise("relu", F.relu)
    yield from elementwise("leaky_relu", F.leaky_relu, *({"negative_slope": a} for a in (0.01, 0.2, 0.0, -1.0, 2.0)))
    yield from elementwise("relu6", F.relu6, scale=6.0)
    yield from elementwise("elu", F.elu, *({"alpha": a} for a in (1.0, 0.3, 2.0, 0.0, 1.5)))
    yield from elementwise("selu", F.selu)
    yield from elementwise("celu", F.celu, *({"alpha": a} for a in (1.0, 0.3, 2.0, 0.7, 1.5)))
    yield from elementwise(
        "threshold",
        F.threshold,
        *({"threshold": t, "value": v} for t, v in ((0.1, 20.0), (-1.0, 0.0), (0.5, -2.0), (0.0, 0.0), (1.0, 1.0))),
    )
    yield from elementwise(
        "hard_tanh",
        F.hardtanh,
        *(
            ({"low": a, "high": b}, {"min_val": a, "max_val": b})
            for a, b in ((-1.0, 1.0), (-0.5, 2.0), (0.0, 0.3), (-3.0, -1.0), (-2.0, 2.0))
        ),
    )
    yield from elementwise("hard_sigmoid", F.hardsigmoid)
    yield from elementwise("hard_silu", F.hardswish)
    yield from elementwise(
        "soft_shrink", F.softshrink, *(({"threshold": t}, {"lambd": t}) for t in (0.5, 0.0, 1.2, 0.1, 3.0))
    )
    yield from elementwise(
        "hard_shrink", F.hardshrink, *(({"threshold": t}, {"lambd": t}) for t in (0.5, 0.0, 1.2, 0.1, 3.0))
    )
    for i, (shape, a) in enumerate([((3, 5), (5,)), ((3, 5), ()), ((7, 1), (1,)), ((2, 3), (3,)), ((4, 2), ())]):
        yield case(f"prelu-{i}", fn.rules.prelu, lambda x, a: F.prelu(x, a.reshape(-1)), normal(*shape), normal(*a))


def along_an_axis():
    for name, peer in (("softmax", F.softmax), ("log_softmax", F.log_softmax)):
        for i, (shape, axis) in enumerate(SOFT):
            yield case(
                f"{name}-{i}", getattr(fn.rules, name), lambda x, p=peer, d=axis: p(x, dim=d), normal(*shape), axis=axis
            )
    for i, (shape, axis, keep) in enumerate(
        [((3, 5), -1, False), ((3, 5), (0, 1), True), ((2, 3, 4), (0, 2), False), ((7,), 0, True), ((3, 4), 0, False)]
    ):
        yield case(
            f"logsumexp-{i}",
            fn.rules.logsumexp,
            lambda x, a=axis, k=keep: torch.logsumexp(x, a, k),
            normal(*shape),
            axis=axis,
            keepdims=keep,
        )
    for i, (shape, axis) in enumerate([((3, 4), -1), ((4, 3), 0), ((2, 4, 3), 1), ((2,), 0), ((5, 6), 1)]):
        yield case(f"glu-{i}", fn.rules.glu, lambda x, d=axis: F.glu(x, d), normal(*shape), axis=axis)


@pytest.mark.parametrize(("rule", "peer", "args", "tolerance"), [*smooth(), *with_kinks(), *along_an_axis()])
def test_value_and_gradients_are_pytorch_s(rule, peer, args, tolerance):
    assert_agrees(rule, peer, args, tolerance)
