"""Write a rule of one's own: the squared ReLU with a scale for each feature, from its mathematics to its proof.

Run: python examples/write_a_rule.py

Forward
    r = max(x, 0)
    y = scale r²                         x [..., n]   scale [n], or any shape that broadcasts with x's   y [..., n]

Backward
    x_bar     = 2 scale r y_bar
    scale_bar = Σ_rows r² y_bar

Derivation
    d(r²) = 2 r dx, so ⟨y_bar, dy⟩ = ⟨2 scale r y_bar, dx⟩ + ⟨r² y_bar, dscale⟩. scale is repeated over the rows, so its
    cotangent is a sum over them.

Residuals
    x and scale, which the caller holds anyway.

Edges
    At 0 the derivative is 0, from both sides. At -inf all is 0, at inf all is inf. NaN stays NaN.

Source
    So et al., "Primer: Searching for Efficient Transformers for Language Modeling", NeurIPS 2021.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

import funcnn as fn

PICTURE = Path(__file__).parent / "pictures" / "write_a_rule.png"


@jax.custom_vjp
def squared_relu(x, scale):
    """``scale`` times the square of what is positive in ``x``."""
    return squared_relu_fwd(x, scale)[0]


def squared_relu_fwd(x, scale):
    return scale * jnp.maximum(x, 0) ** 2, (x, scale)


def squared_relu_bwd(residuals, y_bar):
    x, scale = residuals
    r = jnp.maximum(x, 0)
    return fn.rules.unbroadcast(2 * scale * r * y_bar, x), fn.rules.unbroadcast(r**2 * y_bar, scale)


squared_relu.defvjp(squared_relu_fwd, squared_relu_bwd)


def squared_relu_reference(x, scale):
    """The same function by another formulation, for autodiff."""
    return scale * x * (x + jnp.abs(x)) / 2


# Shapes of x and scale: odd, empty, of several ranks. Edges: x, the value there, and both cotangents.
SHAPES = [((3, 5), (5,)), ((2, 1, 3), (3,)), ((7,), ()), ((0, 3), (3,))]
EDGES = [(0.0, 0.0, 0.0), (-np.inf, 0.0, 0.0), (np.inf, np.inf, np.inf), (np.nan, np.nan, np.nan)]


def value_and_bars(f, args, y_bar):
    y, vjp = jax.vjp(f, *args)
    return y, *vjp(y_bar)


def largest_error():
    """Of any value or cotangent, over all shapes; at the edges they must be as declared."""
    errors = []
    for seed, (shape, scale_shape) in enumerate(tqdm(SHAPES, unit="shape")):
        # y_bar, of x's shape, is random as well: ones would hide a backward pass that ignores it.
        keys = jax.random.split(jax.random.key(seed), 3)
        x, scale, y_bar = map(jax.random.normal, keys, (shape, scale_shape, shape))
        both = (value_and_bars(f, (x, scale), y_bar) for f in (squared_relu, squared_relu_reference))
        errors += [fn.verify.relative_errors(*pair).max(initial=0) for pair in zip(*both, strict=True)]
    for x, y, bar in EDGES:
        np.testing.assert_array_equal(
            value_and_bars(squared_relu, (jnp.float32(x), jnp.float32(2)), jnp.float32(1)), (y, bar, bar)
        )
    return max(errors)


def loss_with(rule):
    """A model with the rule as its activation: its loss, and parameters. A rule without any would be a layer as it is."""

    def apply(params, x, *, key=None, training=False):
        return rule(x, params["scale"])

    activation = fn.Layer(lambda key, x: {"scale": jnp.ones(x.shape[-1])}, apply)
    model = fn.serial(hidden=fn.linear(8), act=activation, out=fn.linear(1))
    x, y = jax.random.normal(jax.random.key(1), (16, 3)), jnp.ones((16, 1))
    return lambda params: fn.losses.squared_error(model.apply(params, x), y), model.init(jax.random.key(0), x)


def damaged(damage):
    """The rule with its two cotangents changed."""
    rule = jax.custom_vjp(squared_relu_reference)
    rule.defvjp(squared_relu_fwd, lambda residuals, y_bar: damage(*squared_relu_bwd(residuals, y_bar)))
    return rule


# A wrong x_bar spoils all that lies before the rule, a wrong scale_bar the scale alone: the leaves say which it is.
FORGOTTEN_2 = damaged(lambda x_bar, scale_bar: (x_bar / 2, scale_bar))
WRONG_SIGN = damaged(lambda x_bar, scale_bar: (x_bar, -scale_bar))
CULPRITS = {FORGOTTEN_2: {"hidden.b", "hidden.w"}, WRONG_SIGN: {"act.scale"}}


def draw_rule():
    x, scale = jnp.linspace(-2, 2, 401), jnp.float32(0.7)
    functions = squared_relu, squared_relu_reference, FORGOTTEN_2
    (y, by_rule, _), (_, by_autodiff, _), (_, by_wrong, _) = (
        value_and_bars(f, (x, scale), jnp.ones_like(x)) for f in functions
    )
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(x, y, label="the function")
    left.plot(x, by_rule, "--", label="its derivative, written by hand")
    left.set(title="squared ReLU, scale 0.7", xlabel="x")
    right.plot(x, by_rule - by_autodiff, "C1--", zorder=3, label="as it stands")
    right.plot(x, by_wrong - by_autodiff, "C3", label="with the 2 forgotten")
    right.set(title="the derivative less autodiff's", xlabel="x")
    left.legend()
    right.legend()
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=150)


def main():
    error = largest_error()
    print(f"{len(SHAPES)} shapes agree to {error:.1e}, {len(EDGES)} edges are as declared.\n")
    x, scale = jnp.array([-1.0, 0.5, 2.0]), jnp.array([1.0, 2.0, 3.0])
    report = fn.verify.check(squared_relu, x, scale, mutate=10)
    comparison, audit = (judge(*loss_with(squared_relu)) for judge in (fn.verify.compare, fn.verify.audit))
    print(f"{report}\n\nIn a whole loss:\n{comparison}\n\nEvery rule that it calls, where it does:\n{audit}")
    assert error < 1e-6
    assert report.ok
    assert report.score.caught == report.score.total
    assert comparison.ok
    assert audit.ok

    for rule, culprits in CULPRITS.items():
        report = fn.verify.check(rule, x, scale, level="fast")
        comparison, audit = (judge(*loss_with(rule)) for judge in (fn.verify.compare, fn.verify.audit))
        print(f"\nWith a wrong rule, which must spoil {' and '.join(sorted(culprits))}:\n{comparison}")
        wrong = next(row for row in audit.rows if row.status == "fail")
        print(f"check says of it: {report.findings[0]}\naudit says where: {wrong}")
        assert not comparison.ok
        assert {row.path for row in comparison.rows if not row.ok} == culprits
        assert report.status == audit.status == "fail"
        assert "a 2 forgotten" in str(report) or "the sign" in str(report)

    # jax.jvp refuses every jax.custom_vjp function, until its rule is taken out; the Hessian needs no such thing.
    bare = fn.verify.without_rules(squared_relu)
    y_dot = jax.jvp(bare, (x, scale), (jnp.ones(3), jnp.zeros(3)))[1]
    by_rule, by_autodiff = (jax.hessian(lambda x, f=f: f(x, scale).sum())(x) for f in (squared_relu, bare))
    print(f"\nForward mode: {y_dot}. Second derivatives, by the rule: {by_rule.diagonal()}.")
    np.testing.assert_allclose(y_dot, [0.0, 2.0, 12.0])
    np.testing.assert_allclose(by_rule, by_autodiff)

    draw_rule()
    print(f"Picture: {PICTURE}")


if __name__ == "__main__":
    main()
