"""Reductions and weights over the loss rules."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from funcnn import losses, metrics, rules
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
P, T = jnp.asarray(RNG.normal(size=(4, 3))), jnp.asarray(RNG.uniform(size=(4, 3)))
LABELS = jnp.array([0, 2, 1, 1])
YES, SIGNS = (T > 0.5).astype(P.dtype), jnp.sign(P)
EACH = [
    (losses.squared_error, rules.squared_error, (P, T)),
    (losses.absolute_error, rules.absolute_error, (P, T)),
    (losses.huber, rules.huber, (P, T)),
    (losses.log_cosh, rules.log_cosh, (P, T)),
    (losses.softmax_cross_entropy, rules.softmax_cross_entropy, (P, LABELS)),
    (losses.softmax_cross_entropy, rules.softmax_cross_entropy, (P, T)),
    (losses.sigmoid_cross_entropy, rules.sigmoid_cross_entropy, (P, T)),
    (losses.focal, rules.focal, (P, YES)),
    (losses.hinge, rules.hinge, (P, SIGNS)),
    (losses.multiclass_hinge, rules.multiclass_hinge, (P, LABELS)),
    (losses.triplet, rules.triplet, (P, T, YES)),
    (losses.cosine_distance, rules.cosine_distance, (P, T)),
    (losses.info_nce, rules.info_nce, (P, T)),
    (losses.kl_divergence, rules.kl_divergence, (P, T)),
    (losses.poisson_nll, rules.poisson_nll, (P, T)),
    (lambda m, t, v, *rest, **options: losses.gaussian_nll((m, v), t, *rest, **options), rules.gaussian_nll, (P, YES, T)),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "rule", "args"), EACH)
def test_reductions_and_weights(loss, rule, args):
    each = rule(*args)
    weight = jnp.array([0.25, 1.0, 2.0, 0.5])
    column = weight.reshape((4,) + (1,) * (each.ndim - 1))
    assert_close(loss(*args), each.mean(), 1e-15)
    assert_close(loss(*args, reduction="sum"), each.sum(), 1e-15)
    assert_close(loss(*args, reduction="none"), each, 0.0)
    assert_close(loss(*args, weight, reduction="sum"), (column * each).sum(), 1e-15)
    assert_close(loss(*args, weight), (column * each).sum() / (column * jnp.ones_like(each)).sum(), 1e-15)
    assert_close(loss(*args, 2.0, reduction="sum"), 2 * each.sum(), 1e-15)
    assert float(loss(*args, 0 * weight)) == 0.0
    assert float(jax.grad(lambda p: loss(p, *args[1:], 0 * weight))(args[0]).sum()) == 0.0


OF_TOKENS = {"ctc", "distillation", "linear_cross_entropy", "dpo", "orpo", "kto", "grpo"}  # tests/losses/


def test_every_loss_is_tried_here():
    public = {name for name, f in vars(losses).items() if callable(f) and name[0] != "_"}
    assert public == {rule.__name__ for _, rule, _ in EACH} | OF_TOKENS | {"softmax_cross_entropy_with_z"}


def and_z(*args, **options):
    """The loss and its z, weighted at random."""
    loss, z = losses.softmax_cross_entropy_with_z(*args, **options)
    return loss + 0.3 * z


KEPT = np.array([0, 2, 3])


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "args"), [*((loss, args) for loss, _, args in EACH), (and_z, (P, LABELS))])
def test_what_has_weight_0_is_as_if_it_were_not_there(loss, args):
    floats = [i for i, a in enumerate(args) if jnp.issubdtype(a.dtype, jnp.floating)]
    run = jax.jit(jax.value_and_grad(loss, floats))
    for weight in (jnp.array([1.0, 0.0, 2.0, 0.5]), jnp.array([True, False, True, True])):
        value, bars = run(*(a[KEPT] for a in args), weight[KEPT])
        expected = value, tuple(jnp.zeros_like(args[i]).at[KEPT].set(bar) for i, bar in zip(floats, bars, strict=True))
        for there in (jnp.nan, jnp.inf, -jnp.inf, 1e200):
            spoilt = [a.at[1].set(there if i in floats else -7) for i, a in enumerate(args)]
            assert_close(run(*spoilt, weight), expected, 1e-14, f"{there} where the weight is 0")
            assert not any(bar[1].any() for bar in run(*spoilt, weight)[1])


@pytest.mark.slow
def test_weights_lie_on_an_explicit_mesh_as_the_rows_do():
    mesh, weight = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Explicit,)), jnp.array([1.0, 0.0, 2.0, 0.5])
    for loss in (losses.squared_error, losses.info_nce):
        with jax.set_mesh(mesh):
            found = jax.grad(loss)(*jax.device_put((P, T, weight), NamedSharding(mesh, PartitionSpec("data"))))
        assert_close(jax.device_get(found), jax.grad(loss)(P, T, weight), 1e-14)


@pytest.mark.slow
def test_what_is_not_divided_on_an_explicit_mesh_meets_what_is():
    mesh = jax.make_mesh((4,), ("data",), axis_types=(AxisType.Explicit,))
    shares = jax.nn.softmax(T)
    for loss, target in [(losses.softmax_cross_entropy, shares), (losses.softmax_cross_entropy, LABELS)]:
        with jax.set_mesh(mesh):
            placed = jax.device_put(target, NamedSharding(mesh, PartitionSpec("data")))
            found = jax.grad(loss)(jax.device_put(P, NamedSharding(mesh, PartitionSpec())), placed)
        assert_close(jax.device_get(found), jax.grad(loss)(P, target), 1e-14)
        assert found.sharding.spec == PartitionSpec(None, None)


def test_an_element_of_weight_0_is_as_if_it_were_not_there():
    mask = ~jnp.isnan(target := T.at[1, 2].set(jnp.nan).at[3, 0].set(jnp.nan))
    value, bar = jax.value_and_grad(losses.huber)(P, target, mask)
    assert_close(value, rules.huber(P, T)[mask].mean(), 1e-14)
    assert_close(bar, jnp.where(mask, jax.grad(lambda p: rules.huber(p, T).sum())(P), 0) / float(mask.sum()), 1e-14)


@pytest.mark.slow
def test_a_label_of_weight_0_may_lie_outside_the_classes():
    labels, weight = np.array([0, -1, 1, 9]), jnp.array([1.0, 0.0, 2.0, 0.0])
    kept = losses.softmax_cross_entropy(P[::2], jnp.array([0, 1]), weight[::2])
    assert_close(losses.softmax_cross_entropy(P, labels, weight), kept, 1e-15)
    with pytest.raises(ValueError, match=r"got 9 at \[3\]"):
        losses.softmax_cross_entropy(P, labels, weight.at[3].set(1.0))


@pytest.mark.slow
def test_a_class_of_weight_0_may_have_any_logits():
    logits, weights = P.at[1].set(jnp.array([jnp.inf, 0.0, jnp.nan])), jnp.array([1.0, 2.0, 0.0])
    run = jax.value_and_grad(lambda x, labels: losses.softmax_cross_entropy(x, labels, class_weights=weights))
    value, bar = run(logits, LABELS)
    expected, kept = run(P[KEPT], LABELS[KEPT])
    assert_close((value, bar), (expected, jnp.zeros_like(P).at[KEPT].set(kept)), 1e-14)


def test_a_number_is_the_weight_of_all():
    assert_close(losses.huber(P, T, 2.0), losses.huber(P, T), 1e-15)
    assert_close(losses.huber(P, T, 2, reduction="sum"), 2 * losses.huber(P, T, reduction="sum"), 1e-15)
    assert float(losses.huber(P, T / 0, 0)) == 0.0


OPTIONS = [
    (losses.huber, rules.huber, (P, T), {"delta": 0.3}),
    (losses.softmax_cross_entropy, rules.softmax_cross_entropy, (P, LABELS), {"label_smoothing": 0.1, "z_loss": 0.2}),
    (losses.softmax_cross_entropy, rules.softmax_cross_entropy, (P, T), {"class_weights": T[0]}),
    (losses.sigmoid_cross_entropy, rules.sigmoid_cross_entropy, (P, T), {"pos_weight": T[0]}),
    (losses.focal, rules.focal, (P, YES), {"gamma": 1.0, "alpha": 0.25}),
    (losses.multiclass_hinge, rules.multiclass_hinge, (P, LABELS), {"margin": 0.1}),
    (losses.triplet, rules.triplet, (P, T, YES), {"margin": 3.0, "eps": 0.1}),
    (losses.triplet, rules.triplet, (P, T, YES), {"swap": True}),
    (losses.cosine_distance, rules.cosine_distance, (P, T), {"eps": 2.0}),
    (losses.info_nce, rules.info_nce, (P, T), {"temperature": 0.5}),
    (losses.kl_divergence, rules.kl_divergence, (P, T), {"log_targets": True}),
    (losses.poisson_nll, rules.poisson_nll, (P, 3 * T), {"full": True}),
    (losses.poisson_nll, rules.poisson_nll, (T, 3 * T), {"log_input": False}),
]


@pytest.mark.parametrize(("loss", "rule", "args", "options"), OPTIONS)
def test_options_reach_the_rule(loss, rule, args, options):
    assert_close(loss(*args, **options, reduction="none"), rule(*args, **options), 0.0)
    assert float(jnp.abs(loss(*args, **options) - loss(*args))) > 1e-3


def test_gaussian_options_reach_the_rule():
    options = {"eps": 0.5, "full": True}
    assert_close(losses.gaussian_nll((P, T), YES, **options), rules.gaussian_nll(P, YES, T, **options).mean(), 1e-15)


def test_the_mean_of_weighted_classes_and_ignored_ids_is_torchs():
    weights, labels = jnp.array([0.5, 2.0, 3.0]), jnp.array([0, 2, -100, 1])
    options = {"class_weights": weights, "label_smoothing": 0.1, "ignore": -100}
    each = rules.softmax_cross_entropy(P, labels, **options)
    assert_close(losses.softmax_cross_entropy(P, labels, **options), each.sum() / 5.5, 1e-15)
    weight = jnp.array([1.0, 2.0, 4.0, 0.0])
    assert_close(losses.softmax_cross_entropy(P, labels, weight, **options), (weight * each).sum() / 6.5, 1e-15)
    kept = rules.softmax_cross_entropy(P, labels, ignore=-100)
    assert_close(losses.softmax_cross_entropy(P, labels, ignore=-100), kept.sum() / 3, 1e-15)


def test_a_batch_of_ignored_rows_costs_nothing():
    f = lambda p: losses.softmax_cross_entropy(p, jnp.full(4, 1), ignore=1, z_loss=0.1)
    value, gradient = jax.value_and_grad(f)(P.at[0, 0].set(jnp.nan))
    assert float(value) == 0.0
    assert_close(gradient, 0 * T, 0.0)


def test_the_loss_with_its_z_is_the_loss_with_a_z_loss():
    options = {"class_weights": T[0], "ignore": 2}
    loss, z = losses.softmax_cross_entropy_with_z(P, LABELS, **options)
    assert_close(loss + 0.1 * z, losses.softmax_cross_entropy(P, LABELS, **options, z_loss=0.1), 1e-15)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_weighted_mean_in_half_precision_overflows_no_sooner_than_the_loss(dtype):
    prediction, target, weight = (
        jnp.full((70_000, 1), 30, dtype),
        jnp.zeros((70_000, 1), dtype),
        jnp.ones(70_000, dtype),
    )
    mean = losses.squared_error(prediction, target, weight)
    assert mean.dtype == dtype
    assert float(mean) == pytest.approx(900, rel=4e-3)


def test_the_summed_square_of_the_from_scratch_texts():
    gradient = jax.grad(lambda p: losses.squared_error(p, T, reduction="sum"))(P)
    assert_close(gradient, 2 * (P - T), 1e-15)


TYPES = [
    (
        lambda: losses.huber(P, T, [1.0] * 4),
        "^huber: weight must be a number or an array, got a list: jnp.asarray makes",
    ),
    (
        lambda: losses.multiclass_hinge(P, LABELS, "mean"),
        "^multiclass_hinge: weight must be a number or an array, got str",
    ),
    (
        lambda: losses.softmax_cross_entropy(P, LABELS, ignore="-1"),
        "^softmax_cross_entropy: ignore must be a class number",
    ),
    (
        lambda: losses.gaussian_nll(P, T),
        r"gaussian_nll: prediction must be a pair \(mean, variance\), got float64\[4, 3\]",
    ),
    (
        lambda: losses.softmax_cross_entropy(P, [0, 2, 1, 1]),
        "labels must be an array of class numbers or .*, got a list: jnp",
    ),
    (
        lambda: losses.multiclass_hinge(P, [0, 2, 1, 1], 1.0),
        "labels must be class numbers, an array of integers, got a list",
    ),
    (lambda: losses.squared_error([0.0], T, T), "squared_error: prediction must be a floating-point array, got a list"),
    (lambda: losses.info_nce(P, [0.0], 1.0), "info_nce: key must be a floating-point array, got a list"),
]


def test_a_call_without_an_argument_says_the_name_once():
    with pytest.raises(TypeError, match=r"^huber\(\) missing 1 required"):
        losses.huber(P)  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize(("call", "message"), TYPES)
def test_another_type_is_said(call, message):
    with pytest.raises(TypeError, match=message):
        call()


BAD = [
    (lambda: losses.huber(P, T, reduction="avg"), "^huber: reduction must be 'mean', 'sum' or 'none', got 'avg'"),
    (lambda: losses.huber(P, T, reduction=["sum"]), r"^huber: reduction must be .*, got \['sum'\]"),
    (
        lambda: losses.squared_error(P, T, jnp.ones(3)),
        r"^squared_error: weight must have the leading axes of \[4, 3\], got shape \[3\]",
    ),
    (
        lambda: losses.softmax_cross_entropy(P, jnp.array([0, 3, 1, 1])),
        r"^softmax_cross_entropy: labels must be .* 0 to 2, got 3 at \[1\]",
    ),
    (
        lambda: losses.softmax_cross_entropy(P, LABELS, class_weights=jnp.ones(2)),
        r"^softmax_cross_entropy: class_weights must be \[3\]",
    ),
    (
        lambda: losses.distillation((P, T.T), (P, P), LABELS),
        "^distillation: linear_js_divergence: teacher_w must be",
    ),
    (lambda: metrics.perplexity().measure(P, LABELS + 9), "^perplexity: labels must be class numbers"),
    (lambda: losses.softmax_cross_entropy(P, np.array([0, 2, -1, 1])), r"labels must be .* 0 to 2, got -1 at \[2\]"),
    (lambda: losses.softmax_cross_entropy(P, np.array([0, 9, -1, 1]), ignore=9), "got -1 at"),
    (lambda: losses.softmax_cross_entropy_with_z(P, np.array([0, 9, -1, 1]), ignore=-1), "got 9 at"),
    (lambda: losses.multiclass_hinge(P, np.array([0, 2, 3, 1])), r"labels must be .* 0 to 2, got 3 at \[2\]"),
]


@pytest.mark.parametrize(("call", "message"), BAD)
def test_a_bad_call_says_what_was_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_label_outside_the_classes_is_nan_where_it_cannot_be_seen():
    assert jnp.isnan(jax.jit(losses.softmax_cross_entropy)(P, jnp.array([0, 3, 1, 1])))


@pytest.mark.slow
def test_labels_of_a_narrow_dtype_count_as_far_as_the_classes():
    logits = jnp.zeros((1, 300)).at[0, 259].set(5.0)
    narrow, wide = (rules.softmax_cross_entropy(logits, jnp.array([3], dtype)) for dtype in (jnp.uint8, jnp.int32))
    assert_close(narrow, wide, 0.0)


class Table:
    """An array of another library, such as pandas' or PyTorch's: it has all that an array has, and NumPy can convert it."""

    def __init__(self, values):
        self.values, self.shape, self.dtype, self.ndim = values, values.shape, values.dtype, values.ndim

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


def test_tables_are_arrays():
    x, y, w = np.eye(3), np.ones((3, 3)), np.array([1.0, 0.0, 2.0])
    ids = np.array([0, 2, 1])
    assert losses.squared_error(Table(x), Table(y), weight=Table(w)) == losses.squared_error(x, y, w)
    assert losses.softmax_cross_entropy(x, Table(ids)) == losses.softmax_cross_entropy(x, ids)
    assert losses.gaussian_nll((x, Table(y)), Table(x)) == losses.gaussian_nll((x, y), x)
    with pytest.raises(TypeError, match=r"^squared_error: target must be a dense array, got csr_array: .*toarray\(\)$"):
        losses.squared_error(x, scipy.sparse.csr_array(y))
    with pytest.raises(TypeError, match="positional arguments"):
        losses.squared_error(x, y, w, w)
