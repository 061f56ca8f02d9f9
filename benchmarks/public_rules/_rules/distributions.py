"""Densities, distribution functions and samplers: numpyro, distrax, tfp."""

from collections.abc import Callable
from typing import Any

from .._rule import Call, Rule, Slope
from ._calls import array, calling

TRUNCATED, MISES = "numpyro/distributions/truncated.py", "distrax/_src/distributions/von_mises.py"
STUDENT = "tensorflow_probability/substrates/jax/distributions/student_t.py"
T = "tensorflow_probability.substrates.jax.distributions.student_t"
POWER, LOW, HIGH = [-2.3, 0.6, 1.4], [1.0, 0.8, 0.5], [3.0, 4.0, 5.0]
INSIDE, OUTSIDE = [1.2, 1.7, 2.5], [3.5, 0.7, 6.0]


def power_law(method: str, *first: float) -> Callable[[], Call]:
    """A method of the doubly truncated power law, as a function of its value and its parameters."""

    def call() -> Call:
        from numpyro.distributions import DoublyTruncatedPowerLaw

        f = lambda x, alpha, low, high: getattr(DoublyTruncatedPowerLaw(alpha, low, high), method)(x)
        return Call(f, (array(*first), array(*POWER), array(*LOW), array(*HIGH)))

    return call


def sample() -> Call:
    """Samples of von Mises, differentiated by their distribution function."""
    import jax

    def f(concentration: Any) -> Any:
        from distrax._src.distributions import von_mises

        key = jax.random.key(0)
        return von_mises._von_mises_sample((3,), concentration, key, concentration.dtype)

    return Call(f, (array(0.7, 2.0, 5.0),), {"surrogate": True})


RULES = (
    Rule("numpyro", "numpyro.distributions.util.log1mexp", "numpyro/distributions/util.py",
         calling("numpyro.distributions.util:log1mexp", array(-0.1, -0.9, -3.0))),
    Rule("numpyro", "numpyro.distributions.DoublyTruncatedPowerLaw.log_prob", TRUNCATED,
         power_law("log_prob", *INSIDE), "fail", "slopes of p in place of log p, in low and high",
         (Slope((INSIDE, POWER, LOW, HIGH), argument=2), Slope((INSIDE, POWER, LOW, HIGH), argument=3))),
    Rule("numpyro", "numpyro.distributions.DoublyTruncatedPowerLaw.cdf", TRUNCATED,
         power_law("cdf", *INSIDE), "fail", "clipped to 0 and 1, and its slopes are not",
         (Slope((OUTSIDE, POWER, LOW, HIGH)), Slope((OUTSIDE, POWER, LOW, HIGH), argument=2, element=1, output=1))),
    Rule("numpyro", "numpyro.distributions.DoublyTruncatedPowerLaw.icdf", TRUNCATED,
         power_law("icdf", 0.2, 0.5, 0.7), "fail", "NaN in alpha where low is 0, which its constraints allow",
         (Slope(([0.5], [0.5], [0.0], [1.0]), argument=1),)),
    Rule("distrax", "distrax._src.utils.math.multiply_no_nan", "distrax/_src/utils/math.py",
         calling("distrax._src.utils.math:multiply_no_nan", array(0.3, -1.2), array(1.5, 0.7))),
    Rule("distrax", "distrax._src.utils.math.power_no_nan", "distrax/_src/utils/math.py",
         calling("distrax._src.utils.math:power_no_nan", array(0.0, 0.5, 1.2), array(2.0, 1.5, 0.7)), "fail",
         "NaN where the base is 0",
         (Slope(([0.0], [2.0]), argument=1), Slope(([0.0], [2.0]), forward=True))),
    Rule("distrax", "distrax._src.distributions.von_mises._von_mises_cdf", MISES,
         calling("distrax._src.distributions.von_mises:_von_mises_cdf", array(0.3, -1.2, 2.8), array(0.7, 2.0, 2.9),
                 after=lambda f, x, concentration: f(x, concentration, x.dtype), domain={"concentration": (0, 3)}), "pass",
         "beyond 3 its values are approximations, its slopes the exact density"),
    Rule("distrax", "distrax._src.distributions.von_mises._von_mises_sample", MISES, sample),
    Rule("tfp-nightly", "tfp.distributions.student_t.stdtr", STUDENT,
         calling(f"{T}:stdtr", array(0.7, 2.3, 5.1), array(0.3, -1.2, 2.8))),
    Rule("tfp-nightly", "tfp.distributions.student_t.stdtrit", STUDENT,
         calling(f"{T}:stdtrit", array(0.7, 2.3, 5.1), array(0.2, 0.5, 0.7))),
)  # fmt: skip
