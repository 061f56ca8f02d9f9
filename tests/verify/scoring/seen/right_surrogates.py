"""Right rules that are deliberately not derivatives."""

import jax.numpy as jnp

from tests.helpers.case import Case, normal, pointwise, right, rule
from tests.helpers.witness import nonlinear

cases: list[Case] = []


@right(cases, "S2", surrogate=True, truth=lambda x: x / (1 + jnp.abs(x)))
def spike_with_surrogate():
    """A neuron fires or not; its slope is declared to be that of a soft sign."""
    return pointwise(lambda x: (x > 0).astype(x.dtype), lambda x: (1 + jnp.abs(x)) ** -2), (normal(4, 6),)


@right(cases, "S1", nonlinear(), surrogate=True)
def clip_gradient():
    """The cotangent is clipped on purpose."""
    return rule(lambda x: x, lambda x: (x, None), lambda _, y_bar: (jnp.clip(y_bar, -1.0, 1.0),)), (normal(4, 6),)


@right(cases, "S2", surrogate=True, truth=lambda x: jnp.clip(x, -1.0, 1.0))
def sign_straight_through():
    """The sign of a number, with the slope of a hard tanh."""
    return pointwise(lambda x: jnp.sign(x), lambda x: (jnp.abs(x) < 1).astype(x.dtype)), (normal(4, 6),)


@right(cases, "S1", surrogate=True, truth=lambda x: x)
def round_straight_through():
    return pointwise(lambda x: jnp.round(x), jnp.ones_like), (normal(4, 6),)


@right(cases, "S2", surrogate=True, truth=lambda x: -x)
def gradient_reversal():
    return pointwise(lambda x: x, lambda x: -jnp.ones_like(x)), (normal(4, 6),)
