r"""More smooth activations: y = f(x), x_bar = y_bar f'(x).

Forward                                           Backward, x_bar = y_bar times                    Residual
    mish         x t, t = tanh(log(1 + eˣ))           t + 4 x eˣ (1 + eˣ) / (n + 2)²                   x
    softsign     x / (1 + |x|)                        1 / (1 + |x|)²                                   x
    log_sigmoid  -log(1 + e⁻ˣ)                        1 - eʸ  (= σ(-x))                                y
    squareplus   (x + √(x² + b)) / 2                  q² / (q² + 1), q = 2 y / √b                      y
    softcap      c tanh(x / c)                        1 - (y / c)²                                     y
    sine         sin(ω x)                             ω cos(ω x)                                       x
    snake        x + sin²(α x) / α                    1 + sin(2 α x)                                   x, α
                 α_bar = Σ y_bar x² (2 S(2 α x) - S(α x)²)    with S(u) = sin(u) / u; over all that one α serves

Derivation
    ⟨y_bar, f'(x) dx⟩ = ⟨y_bar f'(x), dx⟩. log_sigmoid and softcap as softplus and tanh. squareplus solves
    y (y - x) = b / 4: hence (2 y - x) dy = y dx, and 2 y - x = y + b / (4 y). mish: t = n / (n + 2)
    with n = (1 + eˣ)² - 1, so dt = 2 dn / (n + 2)² and dn = 2 eˣ (1 + eˣ) dx.
    snake: d(sin²(u) / α) = sin(2 u) du / α - sin²(u) dα / α², with du = α dx + x dα.

Residuals
    One array of x's size; y where it tells the slope. Not for softsign: 1 - |y| has lost x's digits where |x| is large.

Edges
    At ±inf each function and its slope take their limits: mish 0 and 0, inf and 1; softsign ±1 and 0; log_sigmoid -inf
    and 1, 0 and 0; squareplus 0 and 0, inf and 1; softcap ±c and 0. sine and snake have none: NaN. snake at α = 0 is x,
    with slope 1 and α_bar = Σ y_bar x².

Source
    Misra, "Mish", 2020, eq. 1; Turian, Bergstra & Bengio, "Quadratic features and deep architectures for chunking", 2009
    (softsign); Barron, "Squareplus", 2021, eqs. 1 and 3; Bello et al., "Neural combinatorial optimization", 2017, eq. 16
    (softcap); Sitzmann et al., "Implicit neural representations with periodic activation functions", 2020, section 3.2;
    Ziyin, Hartwig & Ueda, "Neural networks fail to learn periodic functions and how to fix it", 2020, eq. 3.

What the rules give beyond autodiff: time is the same (the compiler fuses elementwise work), but inside a scan one array
is kept a step where autodiff keeps several. Alone two take longer: log_sigmoid, for a tanh of y where autodiff has the
exponential at hand, and snake, for the series of its quotients, which keep α_bar's digits.
"""

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating
from .._common._precision import widen

_MISH_LINEAR = 20.0  # from here on mish(x) is x, in double precision


_MISH_FLAT = -1000.0  # and from here on eˣ is 0, so that -inf · 0 never is


@jax.custom_vjp
def mish(x: Array) -> Array:
    """``x`` times the hyperbolic tangent of its softplus (any shape, floating)."""
    return mish_fwd(x)[0]


def mish_fwd(x):
    require_floating("mish", x=x)
    _, n = _mish_powers(x)
    y = jnp.maximum(widen(x), _MISH_FLAT) * (n / (n + 2))
    return y.astype(jnp.result_type(x)), x


def mish_bwd(x, y_bar):
    e, n = _mish_powers(x)
    slope = n / (n + 2) + jnp.clip(widen(x), _MISH_FLAT, _MISH_LINEAR) * e * (4 * (1 + e) / (n + 2) ** 2)
    return ((widen(y_bar) * slope).astype(x.dtype),)


def _mish_powers(x):
    """e = eˣ and n = (1 + e)² - 1, where neither overflows."""
    e = jnp.exp(jnp.minimum(widen(x), _MISH_LINEAR))
    return e, e * (e + 2)


mish.defvjp(mish_fwd, mish_bwd)


def mish_reference(x):
    return x * jnp.tanh(jnp.log1p(jnp.exp(x)))
