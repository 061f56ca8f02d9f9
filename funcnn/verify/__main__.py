"""``python -m funcnn.verify``: every rule of the catalogue against autodiff of its reference, in float64, as a table.

This is the one module of `funcnn.verify` that knows the library's own rules.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np

from ..rules._catalogue import Entry, catalogue, draw
from ._errors import relative_errors

_TOLERANCE = 1e-10


def main() -> int:
    """Print a row a rule; 1 if any cotangent or value is off by more than 1e-10 of its argument's largest, else 0."""
    jax.config.update("jax_enable_x64", True)
    width = max(map(len, catalogue))
    print(f"{'rule':{width}}  {'examples':>8}  {'value':>8}  {'cotangent':>9}")
    wrong = []
    for name, entry in catalogue.items():
        value, cotangent = np.max([_errors(entry, example, i) for i, example in enumerate(entry.examples)], axis=0)
        agrees = max(value, cotangent) <= _TOLERANCE
        print(f"{name:{width}}  {len(entry.examples):8}  {value:8.1e}  {cotangent:9.1e}  {'ok' if agrees else 'WRONG'}")
        wrong += [] if agrees else [name]
    print(
        f"WRONG: {', '.join(wrong)}" if wrong else f"all {len(catalogue)} rules agree with autodiff of their references"
    )
    return int(bool(wrong))


def _errors(entry: Entry, example, seed: int) -> tuple[float, float]:
    """The largest error of the value and of any argument's cotangent, for random arguments and a random cotangent."""
    args = draw(example, seed, jnp.float64)
    floats = [i for i, a in enumerate(args) if a is not None and jnp.issubdtype(a.dtype, jnp.floating)]

    def value_and_bars(reference):
        def f(given):
            full = list(args)
            for i, a in zip(floats, given, strict=True):
                full[i] = a
            return entry.bind(example.options, reference)(*full)

        @jax.jit
        def run(given, y_bar):
            y, vjp = jax.vjp(f, given)
            return y, *vjp(y_bar)[0]

        given = [args[i] for i in floats]
        y_bar = np.random.default_rng(seed + 1).normal(size=jax.eval_shape(f, given).shape)
        return run(given, y_bar)

    errors = [_largest(a, b) for a, b in zip(*map(value_and_bars, (False, True)), strict=True)]
    return errors[0], max(errors[1:])


def _largest(got, expected):
    if np.allclose(expected, 0, atol=1e-15):  # a gradient that is 0: judge it at the size of the arguments
        return float(np.abs(got).max(initial=0))
    return float(relative_errors(got, expected).max(initial=0))


if __name__ == "__main__":
    sys.exit(main())
