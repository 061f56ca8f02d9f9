"""Losses that PyTorch also has give PyTorch's values and gradients."""

from functools import partial

import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from tests.helpers.beside_torch import RNG, F, assert_agrees, case, normal, torch


def of_numbers():
    for i, shape in enumerate([(7,), (3, 5), (2, 3, 4), (1,), (5, 1)]):
        pair, delta = (normal(*shape), normal(*shape)), (0.3, 1.0, 2.0, 0.1, 5.0)[i]
        full, positive = i % 2 == 0, np.abs(normal(*shape)) + 0.1
        yield case(f"squared_error-{i}", fn.rules.squared_error, partial(F.mse_loss, reduction="none"), *pair)
        yield case(f"absolute_error-{i}", fn.rules.absolute_error, partial(F.l1_loss, reduction="none"), *pair)
        yield case(
            f"huber-{i}", fn.rules.huber, partial(F.huber_loss, reduction="none", delta=delta), *pair, delta=delta
        )
        yield case(f"poisson_nll-{i}", fn.rules.poisson_nll, partial(F.poisson_nll_loss, full=full, reduction="none"),
                   normal(*shape), 3 * positive, full=full)  # fmt: skip
        yield case(f"poisson_nll-rates-{i}", fn.rules.poisson_nll,
                   partial(F.poisson_nll_loss, full=full, log_input=False, reduction="none"),
                   positive, 3 * positive[::-1].copy(), full=full, log_input=False)  # fmt: skip
        yield case(f"gaussian_nll-{i}", fn.rules.gaussian_nll, partial(F.gaussian_nll_loss, full=full, reduction="none"),
                   *pair, positive, full=full)  # fmt: skip
        yield case(f"sigmoid_cross_entropy-{i}", fn.rules.sigmoid_cross_entropy,
                   partial(F.binary_cross_entropy_with_logits, reduction="none"),
                   normal(*shape), RNG.uniform(size=shape))  # fmt: skip


def of_classes():
    for i, (shape, smoothing, ignore, weighed) in enumerate(
        [
            ((3, 5), 0.0, None, False),
            ((4, 3), 0.1, None, True),
            ((6, 4), 0.0, 2, True),
            ((5, 2), 0.3, 1, False),
            ((2, 7), 0.2, 0, True),
        ]
    ):
        ids, weights = RNG.integers(0, shape[-1], shape[:-1]), np.abs(normal(shape[-1])) + 0.1 if weighed else None
        theirs = {"label_smoothing": smoothing, "ignore_index": -100 if ignore is None else ignore, "reduction": "none"}
        yield case(f"softmax_cross_entropy-{i}",
                   lambda x, ids=ids, w=weights, s=smoothing, g=ignore: fn.rules.softmax_cross_entropy(
                       x, jnp.asarray(ids), None if w is None else jnp.asarray(w), s, g),
                   lambda x, ids=ids, w=weights, o=theirs: F.cross_entropy(
                       x, torch.as_tensor(ids), None if w is None else torch.as_tensor(w), **o),
                   normal(*shape))  # fmt: skip
        t = np.exp(normal(*shape))
        yield case(f"softmax_cross_entropy-distributions-{i}", fn.rules.softmax_cross_entropy,
                   partial(F.cross_entropy, reduction="none"), normal(*shape), t / t.sum(-1, keepdims=True))  # fmt: skip
        yield case(f"multiclass_hinge-{i}",
                   lambda x, ids=ids, m=smoothing + 0.5: fn.rules.multiclass_hinge(x, jnp.asarray(ids), m),
                   lambda x, ids=ids, m=smoothing + 0.5: x.shape[-1] * F.multi_margin_loss(
                       x, torch.as_tensor(ids), margin=m, reduction="none"), normal(*shape))  # fmt: skip
        yield case(f"triplet-{i}", fn.rules.triplet,
                   partial(F.triplet_margin_loss, margin=smoothing + 0.5, reduction="none"),
                   normal(*shape), normal(*shape), normal(*shape), margin=smoothing + 0.5)  # fmt: skip
        yield case(f"triplet-swap-{i}", fn.rules.triplet,
                   partial(F.triplet_margin_loss, margin=smoothing + 2.0, swap=True, reduction="none"),
                   normal(*shape), normal(*shape), normal(*shape), margin=smoothing + 2.0, swap=True)  # fmt: skip
        yield case(f"cosine_distance-{i}", fn.rules.cosine_distance,
                   lambda x, y: 1 - F.cosine_similarity(x, y), normal(*shape), normal(*shape))  # fmt: skip
        yield case(f"kl_divergence-{i}", fn.rules.kl_divergence,
                   lambda x, y: F.kl_div(x, y, reduction="none").sum(-1),
                   normal(*shape), t / t.sum(-1, keepdims=True))  # fmt: skip


def ctc():
    for i, (batch, time, classes, n, blank) in enumerate(
        [(3, 7, 4, 3, 0), (2, 5, 3, 2, 2), (1, 1, 2, 1, 0), (4, 9, 5, 4, 1), (2, 12, 3, 5, 0)]
    ):
        y = (blank + RNG.integers(1, classes, (batch, n))) % classes  # the blank is in no target
        lengths = RNG.integers(2 * n - 1, time + 1, batch), RNG.integers(0, n + 1, batch)
        yield case(f"ctc-{i}",
                   lambda x, y=y, lengths=lengths, b=blank: fn.rules.ctc(x, jnp.asarray(y), *map(jnp.asarray, lengths), b),
                   lambda x, y=y, lengths=lengths, b=blank: F.ctc_loss(
                       x.log_softmax(-1).movedim(0, 1), *map(torch.as_tensor, (y, *lengths)), blank=b, reduction="none"),
                   normal(batch, time, classes))  # fmt: skip


@pytest.mark.parametrize(("rule", "peer", "args", "tolerance"), [*of_numbers(), *of_classes(), *ctc()])
def test_value_and_gradients_are_pytorch_s(rule, peer, args, tolerance):
    assert_agrees(rule, peer, args, tolerance)
