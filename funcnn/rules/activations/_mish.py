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

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from .._common._checks import require_floating, require_number, require_per_feature, require_same_dtype
from .._common._cotangent import unbroadcast
from .._common._precision import as_row, finite, widen

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


@jax.custom_vjp
def softsign(x: Array) -> Array:
    """``x / (1 + |x|)`` of each element of ``x`` (any shape, floating)."""
    return softsign_fwd(x)[0]


def softsign_fwd(x):
    require_floating("softsign", x=x)
    x32 = finite(widen(x))
    return (x32 / (1 + jnp.abs(x32))).astype(jnp.result_type(x)), x


def softsign_bwd(x, y_bar):
    share = 1 / (1 + jnp.abs(widen(x)))
    return ((widen(y_bar) * share * share).astype(x.dtype),)


softsign.defvjp(softsign_fwd, softsign_bwd)


def softsign_reference(x):
    return jnp.sign(x) * (1 - 1 / (1 + jnp.sign(x) * x))


@jax.custom_vjp
def log_sigmoid(x: Array) -> Array:
    """Logarithm of the logistic function of each element of ``x`` (any shape, floating), without overflow."""
    return log_sigmoid_fwd(x)[0]


def log_sigmoid_fwd(x):
    require_floating("log_sigmoid", x=x)
    x32 = widen(x)
    left = x32 <= 0  # one side for both terms: then 0 has its derivatives, of all orders, too
    y = (jnp.where(left, x32, 0) - jnp.log1p(jnp.exp(jnp.where(left, x32, -x32)))).astype(jnp.result_type(x))
    return y, y


def log_sigmoid_bwd(y, y_bar):
    t = jnp.tanh(-0.5 * widen(y))  # 1 - eʸ = 2 t / (1 + t)
    x_bar = widen(y_bar) * (2 * t / (1 + t))
    return (x_bar.astype(y.dtype),)


log_sigmoid.defvjp(log_sigmoid_fwd, log_sigmoid_bwd)


def log_sigmoid_reference(x):
    return -jnp.log1p(jnp.exp(-x))


_SQUAREPLUS_LINEAR = 2.0**50  # from here on its slope is 1, in double precision


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def squareplus(x: Array, b: float = 4.0) -> Array:
    """``(x + sqrt(x² + b)) / 2`` of each element of ``x`` (any shape, floating), ``b`` above 0."""
    return squareplus_fwd(x, b)[0]


def squareplus_fwd(x, b):
    require_floating("squareplus", x=x)
    require_number("squareplus", "b", b, "above 0", b > 0)
    size = jnp.abs(widen(x))
    upper = size / 2 + jnp.hypot(finite(size), jnp.full_like(size, math.sqrt(b))) / 2  # f(|x|); f(x) f(-x) = b / 4
    y = jnp.where(x < 0, b / 4 / upper, upper).astype(jnp.result_type(x))
    return y, y


def squareplus_bwd(b, y, y_bar):
    q = jnp.minimum(widen(y) * (2 / math.sqrt(b)), _SQUAREPLUS_LINEAR)
    slope = q * q / (q * q + 1)
    return ((widen(y_bar) * slope).astype(y.dtype),)


squareplus.defvjp(squareplus_fwd, squareplus_bwd)


def squareplus_reference(x, b=4.0):
    return (x + jnp.sqrt(x * x + b)) / 2


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def softcap(x: Array, cap: float) -> Array:
    """``cap tanh(x / cap)`` of each element of ``x`` (any shape, floating): x where small, never beyond ±cap."""
    return softcap_fwd(x, cap)[0]


def softcap_fwd(x, cap):
    require_floating("softcap", x=x)
    require_number("softcap", "cap", cap, "above 0", cap > 0)
    y = (cap * jnp.tanh(widen(x) / cap)).astype(jnp.result_type(x))
    return y, y


def softcap_bwd(cap, y, y_bar):
    part = widen(y) / cap
    return ((widen(y_bar) * (1 - part) * (1 + part)).astype(y.dtype),)


softcap.defvjp(softcap_fwd, softcap_bwd)


def softcap_reference(x, cap):
    return cap * (1 - 2 / (jnp.exp(2 * x / cap) + 1))


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def sine(x: Array, omega: float = 30.0) -> Array:
    """``sin(omega x)`` of each element of ``x`` (any shape, floating), as sinusoidal representation networks use it."""
    return sine_fwd(x, omega)[0]


def sine_fwd(x, omega):
    require_floating("sine", x=x)
    require_number("sine", "omega", omega)
    return jnp.sin(omega * widen(x)).astype(jnp.result_type(x)), x


def sine_bwd(omega, x, y_bar):
    return ((widen(y_bar) * omega * jnp.cos(omega * widen(x))).astype(x.dtype),)


sine.defvjp(sine_fwd, sine_bwd)


def sine_reference(x, omega=30.0):
    return 2 * jnp.sin(omega * x / 2) * jnp.cos(omega * x / 2)


@jax.custom_vjp
def snake(x: Array, alpha: Array) -> Array:
    """``x + sin²(alpha x) / alpha``: the identity with ripples of a learned frequency.

    Args:
      x: ``[..., features]`` (any shape for one alpha), floating.
      alpha: ``[]``, one for all, or ``[features]``, of x's dtype.

    Returns:
      The shape and dtype of x.
    """
    return snake_fwd(x, alpha)[0]


def snake_fwd(x, alpha):
    require_floating("snake", x=x, alpha=alpha)
    require_per_feature("snake", "alpha", alpha, x)
    require_same_dtype("snake", x=x, alpha=alpha)
    x32 = widen(x)
    u = as_row(widen(alpha), x) * x32
    s = jnp.sin(u)
    y = x32 + x32 * s * _over(u, 1, s)
    return y.astype(x.dtype), (x, alpha)


def snake_bwd(residuals, y_bar):
    x, alpha = residuals
    x32, y_bar, row = widen(x), widen(y_bar), as_row(alpha, x)
    u = widen(row) * x32
    s, s2 = jnp.sin(u), jnp.sin(2 * u)
    x_bar = y_bar * (1 + s2)
    alpha_bar = y_bar * x32 * x32 * (_over(u, 2, s2) - _over(u, 1, s) ** 2)
    return unbroadcast(x_bar, x), unbroadcast(alpha_bar, row).reshape(alpha.shape)


snake.defvjp(snake_fwd, snake_bwd)


def snake_reference(x, alpha):
    alpha = jnp.broadcast_to(alpha, x.shape)
    return x + (1 - jnp.cos(2 * alpha * x)) / (2 * alpha)


def _over(u, k, s):
    """s / u, where s = sin(k u), by its series around 0: there the quotient has no derivatives."""
    near = jnp.abs(k * u) < 0.5
    small, far = jnp.where(near, u, 0), jnp.where(near, 1, u)
    series = sum((-1) ** n * k ** (2 * n + 1) / math.factorial(2 * n + 1) * small ** (2 * n) for n in range(9))
    return jnp.where(near, series, s / far)
