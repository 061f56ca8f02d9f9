"""The fused cross-entropy is that of the logits, with every option and reduction."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType
from jax.sharding import PartitionSpec as P

from funcnn import losses
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
X, W, B = (jnp.asarray(RNG.normal(size=shape)) for shape in [(2, 5, 3), (3, 7), (7,)])
LABELS = jnp.asarray(RNG.integers(0, 7, (2, 5)), jnp.int32).at[0, 1].set(-100)
WEIGHT = jnp.ones((2, 5)).at[1, 2].set(0).at[0, 0].set(2)
OPTIONS = {"class_weights": jnp.asarray(RNG.uniform(size=7)), "label_smoothing": 0.1, "z_loss": 0.2}


def logits(x, w, b):
    return jnp.einsum("...n,nk->...k", x, w) + jnp.broadcast_to(b, (*x.shape[:-1], 7))


SLOW = [pytest.param("sum", {}, marks=pytest.mark.slow), pytest.param("none", OPTIONS, marks=pytest.mark.slow)]


@pytest.mark.parametrize(("reduction", "options"), [("mean", OPTIONS), *SLOW])
def test_it_is_the_cross_entropy_of_the_logits(reduction, options):
    options = options | {"ignore": -100, "reduction": reduction}
    fused = lambda *head: jnp.sum(jnp.sin(losses.linear_cross_entropy(head, LABELS, WEIGHT, **options)))
    plain = lambda *head: jnp.sum(jnp.sin(losses.softmax_cross_entropy(logits(*head), LABELS, WEIGHT, **options)))
    found = jax.jit(lambda: [jax.value_and_grad(f, (0, 1, 2))(X, W, B) for f in (fused, plain)])()
    assert_close(*found, 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_numpys_arrays_are_taken(reduction):
    weights = OPTIONS["class_weights"]
    of = lambda *args: losses.linear_cross_entropy(
        args[:2], args[2], class_weights=args[3], ignore=-100, reduction=reduction
    )
    assert_close(of(*map(np.asarray, (X, W, LABELS, weights))), of(X, W, LABELS, weights), 1e-12)


def test_what_does_not_count_may_hold_anything():
    spoilt = X.at[0, 1].set(jnp.nan).at[1, 2].set(jnp.inf)
    run = jax.jit(jax.value_and_grad(lambda x: losses.linear_cross_entropy((x, W), LABELS, WEIGHT, ignore=-100)))
    assert_close(run(spoilt), run(X), 0.0)


@pytest.mark.slow
def test_where_nothing_counts_the_mean_is_0():
    nothing = jax.value_and_grad(lambda x: losses.linear_cross_entropy((x, W), jnp.full((2, 5), -100), ignore=-100))
    assert_close(jax.jit(nothing)(X), (jnp.zeros(()), jnp.zeros_like(X)), 0.0)
    assert float(losses.linear_cross_entropy((X[:, :0], W), LABELS[:, :0])) == 0.0


def test_bad_input_is_said():
    for w in (W[0], 3.0):
        with pytest.raises(ValueError, match=r"linear_cross_entropy: w must be \[3, classes\] to follow x"):
            losses.linear_cross_entropy((X, w), LABELS, ignore=-100, reduction="none")
    with pytest.raises(TypeError, match="linear_cross_entropy: x of prediction must be an array, got float"):
        losses.linear_cross_entropy((1.0, W), LABELS)
    with pytest.raises(ValueError, match=r"w must be divided over axis_name by a jax.shard_map .*, got 'model'"):
        losses.linear_cross_entropy((X, W), LABELS, ignore=-100, axis_name="model")
    with pytest.raises(ValueError, match=r"labels must be class numbers from 0 to 6, got -100 at \[0, 1\]"):
        losses.linear_cross_entropy((X, W), LABELS)
    with pytest.raises(TypeError, match=r"prediction must be a tuple \(x, w\) or \(x, w, b\), got float64\[2, 5, 3\]"):
        losses.linear_cross_entropy(X, LABELS)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match=r"prediction must be a tuple .*, got a tuple of 1"):
        losses.linear_cross_entropy((X,), LABELS)
    with pytest.raises(TypeError, match="labels must be class numbers, an array of integers, got a list"):
        losses.linear_cross_entropy((X, W), LABELS.tolist())
    with pytest.raises(
        ValueError, match=r"linear_cross_entropy: class_weights must be \[7\] to follow w \[3, 7\], got"
    ):
        losses.linear_cross_entropy((X, W), LABELS, ignore=-100, class_weights=B[1:])
    with pytest.raises(ValueError, match="reduction must be"):
        losses.linear_cross_entropy((X, W), LABELS, ignore=-100, reduction="median")
    with pytest.raises(TypeError, match="ignore must be a class number or None"):
        losses.linear_cross_entropy((X, W), LABELS, ignore=0.5)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="label_smoothing must be a number from 0 to 1"):
        losses.linear_cross_entropy((X, W), LABELS, ignore=-100, reduction="none", label_smoothing=2.0)
    with pytest.raises(ValueError, match="z_loss must be a number that is not negative"):
        losses.linear_cross_entropy((X, W), LABELS, ignore=-100, reduction="none", z_loss=-1.0)


@pytest.mark.parametrize(
    ("reduction", "options"), [("mean", {}), pytest.param("none", OPTIONS, marks=pytest.mark.slow)]
)
def test_classes_may_be_divided_over_devices(reduction, options):
    mesh = jax.make_mesh((4,), ("model",), axis_types=(AxisType.Auto,), devices=jax.devices()[:4])
    w, b, labels = jnp.pad(W, ((0, 0), (0, 1))), jnp.pad(B, (0, 1)), jnp.where(LABELS == 0, 7, LABELS)
    of_class = jnp.pad(OPTIONS["class_weights"], (0, 1), constant_values=0.5)
    options = options | {"ignore": -100, "reduction": reduction}

    def bars(x, w, b, of_class, **more):
        run = lambda *head: losses.linear_cross_entropy(
            head, labels, WEIGHT, **options | {"class_weights": of_class} | more
        )
        return jax.value_and_grad(lambda *head: jnp.sum(jnp.sin(run(*head))), (0, 1, 2))(x, w, b)

    places = P(), P(None, "model"), P("model"), P("model")
    divided = lambda *args: bars(*args, axis_name="model")
    got = jax.jit(jax.shard_map(divided, mesh=mesh, in_specs=places, out_specs=(P(), places[:3])))(X, w, b, of_class)
    assert_close(got, bars(X, w, b, of_class), 1e-10)
