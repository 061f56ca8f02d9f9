"""A module of someone's: a right rule, a wrong one, and one for whose arguments no guess fits."""

import jax
import jax.numpy as jnp


@jax.custom_vjp
def right(x):
    return jnp.tanh(x)


right.defvjp(lambda x: (jnp.tanh(x),) * 2, lambda y, g: (g * (1 - y * y),))


@jax.custom_vjp
def wrong(x):
    return x * x


wrong.defvjp(lambda x: (x * x, x), lambda x, g: (g * x,))


@jax.custom_vjp
def unknown(x):
    return x.reshape(2, 7, 11)


unknown.defvjp(lambda x: (x.reshape(2, 7, 11), None), lambda _, g: (g.ravel(),))
