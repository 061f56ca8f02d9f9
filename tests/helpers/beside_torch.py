"""Rules beside PyTorch's: the same value and gradients, in float64, with random cotangents.

PyTorch keeps channels first and weights the other way around. Each case says how an argument is turned, and a difference in
convention is said where it is.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close

torch = pytest.importorskip("torch")
F = torch.nn.functional
TOLERANCE = 1e-9
FLOAT32_CONSTANTS = {"hard_sigmoid", "celu"}  # PyTorch keeps 1/6 and 1/alpha in float32 there: relative 6e-8
RNG = np.random.default_rng(20261125)


def normal(*shape, scale=1.0):
    return scale * RNG.normal(size=shape)


def channels_first(a):
    """[batch, *space, channels] to [batch, channels, *space]."""
    return a.movedim(-1, 1)


def channels_last(a):
    return a.movedim(1, -1)


def out_first(w):
    """[*window, in, out] to [out, in, *window]."""
    return w.movedim((-1, -2), (0, 1))


def case(name, rule, peer, *args, **options):
    tolerance = 1e-7 if name.partition("-")[0] in FLOAT32_CONSTANTS else TOLERANCE
    return pytest.param(functools.partial(rule, **options), peer, args, tolerance, id=f"{name} {options or ''}".strip())


def elementwise(name, peer, *settings, scale=2.0):
    """The rule of that name beside its peer, over five shapes; a setting is options, or a pair: ours and theirs."""
    settings = [s if isinstance(s, tuple) else (s, s) for s in settings or ({},)]
    for i, shape in enumerate([(7,), (3, 5), (2, 3, 4), (1,), (5, 1, 2)]):
        ours, theirs = settings[i % len(settings)]
        x = normal(*shape, scale=scale * (i + 1) / 2)
        yield case(f"{name}-{i}", getattr(fn.rules, name), functools.partial(peer, **theirs), x, **ours)


SOFT = [((3, 5), -1), ((3, 5), 0), ((2, 3, 4), 1), ((7,), 0), ((4, 1), -1)]


def assert_agrees(rule, peer, args, tolerance):
    """The rule's value and cotangents are its peer's."""
    y, vjp = jax.vjp(rule, *map(jnp.asarray, args))
    y_bar = np.asarray(RNG.normal(size=y.shape))
    theirs = [torch.tensor(a, requires_grad=True) for a in args]
    expected = peer(*theirs)
    bars = torch.autograd.grad(expected, theirs, torch.as_tensor(y_bar))
    assert_close(y, expected.detach().numpy(), tolerance, "value")
    assert_close(vjp(jnp.asarray(y_bar)), tuple(b.numpy() for b in bars), tolerance, "cotangent")
