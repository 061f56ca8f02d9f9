"""How weights are drawn, under the field's names: ``init(key, shape, dtype) -> array``, all from `jax.nn.initializers`.

Each name but ``ones`` and ``zeros`` makes such a function: ``normal(0.1)``, ``orthogonal()``, ``lecun_normal()``. The
glorot, he and lecun families take axes as arguments, and ``variance_scaling`` takes a scale too.

Example:
  >>> linear(2, w_init=initializers.normal(1.0)).init(jax.random.key(0), jnp.ones((4, 2)))["w"].shape
  (2, 2)
"""

from jax.nn.initializers import constant as constant
from jax.nn.initializers import glorot_normal as glorot_normal
from jax.nn.initializers import glorot_uniform as glorot_uniform
from jax.nn.initializers import he_normal as he_normal
from jax.nn.initializers import he_uniform as he_uniform
from jax.nn.initializers import lecun_normal as lecun_normal
from jax.nn.initializers import lecun_uniform as lecun_uniform
from jax.nn.initializers import normal as normal
from jax.nn.initializers import ones as ones
from jax.nn.initializers import orthogonal as orthogonal
from jax.nn.initializers import truncated_normal as truncated_normal
from jax.nn.initializers import uniform as uniform
from jax.nn.initializers import variance_scaling as variance_scaling
from jax.nn.initializers import zeros as zeros
