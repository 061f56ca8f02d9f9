"""Special functions: TensorFlow Probability on JAX, and wcosmo."""

from typing import Any

from .._rule import Rule, Slope
from ._calls import array, calling, scalar

A, B, P = array(0.7, 2.3, 5.1), array(1.2, 0.8, 3.4), array(0.2, 0.5, 0.7)
ANY, POSITIVE = array(0.3, -1.2, 2.8), array(1.3, 2.2, 4.8)
WCOSMO = "wcosmo/backend/jax.py"


def tfp(module: str, name: str, *args: Any, domain: str | None = None, **fields: Any) -> Rule:
    """A function of ``tfp.math``, whose arguments all lie in the domain."""
    file = f"tensorflow_probability/substrates/jax/math/{module}.py"
    options = {"domain": {f"args[{i}]": domain for i in range(len(args))}} if domain else {}
    path = f"tensorflow_probability.substrates.jax.math.{module}:{name}"
    call = calling(path, *args, after=lambda f, *args: f(*args), **options)
    return Rule("tfp-nightly", f"tfp.math.{name}", file, call, **fields)


NO_ORDER = "no slope in the order, as its docstring says"

RULES = (
    tfp("special", "betainc", A, B, P),
    tfp("special", "betaincinv", A, B, P, expected="fail",
        finding="its value is wrong in float64, 0.8173 for 0.7969, and its slopes are not those of this value",
        evidence=(Slope(([2.3], [0.8], [0.5]), argument=1),)),
    tfp("special", "dawsn", ANY, finding="missed: 1 − 2 x y cancels where x is large", evidence=(Slope(([1e8],)),)),
    tfp("special", "erfcx", ANY),
    tfp("special", "igammainv", A, P),
    tfp("special", "igammacinv", A, P),
    tfp("special", "lambertw", array(0.3, 1.2, 4.8)),
    tfp("special", "log_gamma_difference", A, array(9.2, 12.8, 30.4), domain="positive"),
    tfp("special", "lbeta", A, B, domain="positive"),
    tfp("special", "owens_t", ANY, B),
    tfp("bessel", "log_bessel_kve", A, POSITIVE, expected="fail", finding=NO_ORDER,
        evidence=(Slope(([0.7], [1.3])),)),
    tfp("generic", "log_cosh", ANY),
    Rule("wcosmo", "wcosmo.backend.jax.hyp2f1", WCOSMO,
         calling("wcosmo.backend.jax:hyp2f1", scalar(0.3), scalar(0.5), scalar(1.2), array(-0.3, 0.2, 0.5)), "fail",
         "no slope in a, b and c", (Slope((0.3, 0.5, 1.2, [-0.3, 0.2, 0.5]), argument=0, output=1),)),
    Rule("wcosmo", "wcosmo.backend.jax._definite_integral_pade", WCOSMO,
         calling("wcosmo.backend.jax:_definite_integral_pade", array(0.3, 1.0), scalar(0.3), scalar(-0.9), scalar(0.0)),
         "fail", "no slope in the exponent, as its docstring says",
         (Slope(([0.3, 1.0], 0.3, -0.9, 0.0), argument=3, size=1.0),)),
)  # fmt: skip
