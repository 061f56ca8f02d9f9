"""Optax's optimizers and wrappers train in every dtype, each with what it asks for; NaN is a fault where it is one."""

import logging

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from funcnn.training._step import plain_step
from tests.helpers.judge import assert_close

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.normal(size=(10, 3)))
Y = jnp.asarray(RNG.normal(size=(10, 2)))
MODEL = fn.serial(fn.linear(5), fn.tanh, fn.linear(2))
LOSS = fn.losses.squared_error
KEY = jax.random.key(0)

contrib, chain, sgd, adam = optax.contrib, optax.chain, optax.sgd, optax.adam
RANKS = lambda params: jax.tree.map(jnp.ndim, params)
SEARCH = optax.scale_by_backtracking_linesearch
SAM = lambda **options: contrib.sam(sgd(0.1), chain(contrib.normalize(), sgd(0.05)), **options)

OPTIMIZERS = {
    "sgd": sgd(0.1), "momentum": sgd(0.1, momentum=0.9, nesterov=True), "adam": adam(0.01), "adamw": optax.adamw(0.01),
    "clipped": chain(optax.clip_by_global_norm(0.1), sgd(0.1)), "agc": chain(optax.adaptive_grad_clip(0.1), sgd(0.1)),
    "schedule": sgd(optax.cosine_decay_schedule(0.1, 100)), "lion": optax.lion(0.01), "adafactor": optax.adafactor(0.01),
    "ema": chain(sgd(0.1), optax.ema(0.9)), "nonnegative": chain(sgd(0.1), optax.keep_params_nonnegative()),
    # what asks for the loss, its value or its gradient elsewhere
    "lbfgs": optax.lbfgs(), "backtracking": chain(sgd(1.0), SEARCH(15)),
    "backtracking with gradients": chain(sgd(1.0), SEARCH(15, store_grad=True)), "polyak": optax.polyak_sgd(),
    "plateau": chain(adam(0.01), contrib.reduce_on_plateau()), "momo": contrib.momo(), "momo_adam": contrib.momo_adam(),
    "sam": SAM(), "sam, opaque": SAM(opaque_mode=True), "clipped sam": chain(optax.clip(1.0), SAM(opaque_mode=True)),
    "sophia": contrib.sophia(0.01),
    # wrappers
    "multi_steps": optax.MultiSteps(adam(0.01), 2),
    "multi_steps of plateau": optax.MultiSteps(chain(adam(0.01), contrib.reduce_on_plateau()), 2),
    "masked": optax.masked(adam(0.01), fn.paths("**.w")),
    "masked lbfgs": optax.masked(optax.lbfgs(), fn.paths("**.w"), mask_compatible_extra_args=True),
    "partition": optax.partition({1: sgd(0.1), 2: adam(0.01)}, RANKS),
    "partition of lbfgs": optax.partition({1: sgd(0.1), 2: optax.lbfgs()}, RANKS, mask_compatible_extra_args=True),
    "inject": optax.inject_hyperparams(adam)(optax.cosine_decay_schedule(0.1, 100)),
    "apply_if_finite": optax.apply_if_finite(adam(0.01), 5), "zero_nans": chain(optax.zero_nans(), sgd(0.1)),
    "conditionally": optax.conditionally_transform(sgd(0.1), lambda step, **_: step < 5),
    "selective": optax.selective_transform(sgd(0.1), freeze_mask=fn.paths("**.b")), "flatten": optax.flatten(adam(0.01)),
    "mechanize": contrib.mechanize(sgd(0.1)), "split": contrib.split_real_and_imaginary(adam(0.01)),
    "schedule_free": contrib.schedule_free_sgd(0.1), "schedule_free_adamw": contrib.schedule_free_adamw(0.1),
    # and more of contrib
    "dog": contrib.dog(), "dowg": contrib.dowg(), "prodigy": contrib.prodigy(), "dadapt": contrib.dadapt_adamw(),
    "cocob": contrib.cocob(), "muon": contrib.muon(0.01), "adopt": contrib.adopt(0.01), "acprop": contrib.acprop(0.01),
    "ademamix": contrib.ademamix(0.01), "galore": contrib.galore(0.01, rank=2), "madgrad": contrib.madgrad(0.01),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _standard_promotion():
    with jax.numpy_dtype_promotion("standard"):  # optax promotes step counts to floats
        yield


def fit(optimizer, dtype="float32", loss=LOSS, data=(X, Y), **options):
    data = jax.tree.map(lambda a: a.astype(dtype), data)
    options = {"epochs": 5, "batch_size": 4, "key": KEY} | options
    return fn.fit(MODEL, loss, optimizer, data, progress=False, **options)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_keeps_the_types_of_the_state(name):
    step = plain_step(MODEL, LOSS, OPTIMIZERS[name])
    for dtype in ("bfloat16", "float16", "float32", "float64"):
        x, y = (jax.ShapeDtypeStruct(a.shape, dtype) for a in (X, Y))
        state = jax.eval_shape(lambda key, x: fn.TrainState.create(MODEL, OPTIMIZERS[name], key, x), KEY, x)
        after, _ = jax.eval_shape(step.take, state, (x, y))
        assert jax.tree.structure(after) == jax.tree.structure(state)
        assert jax.tree.leaves(after) == jax.tree.leaves(state)


TRAINED = ["momentum", "adamw", "schedule", "lbfgs", "partition", "plateau", "sam", "clipped sam", "sophia",
           "partition of lbfgs", "multi_steps of plateau", "backtracking with gradients",
           "schedule_free_adamw"]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_optimizers_of_every_kind_train(name):
    _, history = fit(OPTIMIZERS[name], epochs=30, batch_size=None)
    assert history["loss"][-1] < 0.9 * history["loss"][0]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_line_search_trains_in_half_precision(dtype):
    state, history = fit(optax.lbfgs(), dtype, epochs=10, batch_size=None)
    assert all(leaf.dtype == dtype for leaf in jax.tree.leaves(state.params))
    assert history["loss"][-1] < 0.5 * history["loss"][0]


def test_sharpness_aware_minimisation_takes_the_gradient_where_the_loss_is_higher():
    rho, rate = 0.05, 0.1
    adversary = chain(contrib.normalize(), sgd(rho))
    transparent, opaque = (contrib.sam(sgd(rate), adversary, opaque_mode=mode) for mode in (False, True))
    start = fn.TrainState.create(MODEL, sgd(rate), KEY, X)
    gradient = jax.jit(jax.grad(lambda params: LOSS(MODEL.apply(params, X), Y)))
    g = gradient(start.params)
    norm = optax.tree.norm(g)
    there = gradient(jax.tree.map(lambda p, g: p + rho * g / norm, start.params, g))
    expected = jax.tree.map(lambda p, g: p - rate * g, start.params, there)
    for optimizer, steps in [(transparent, 2), (opaque, 1)]:
        state, _ = fit(optimizer, "float64", epochs=steps, batch_size=None)
        assert_close(state.params, expected, 1e-12)


REFUSED = {
    "lookahead": (optax.lookahead(sgd(0.1), 5, 0.5), TypeError, r"one gradient: optax\.lookahead trains a pair of them"),
    "in a chain": (chain(optax.clip(1.0), optax.lookahead(sgd(0.1), 5, 0.5)), TypeError, "optax.lookahead trains a pair"),
    "dpsgd": (contrib.differentially_private_aggregate(1.0, 0.1, KEY), TypeError, "dpsgd takes a gradient of each example"),
    "monitor": (chain(sgd(0.1), optax.monitor({"norm": optax.tree.norm})), ValueError,
                r"must keep the structure and dtypes of its state: opt_state\.1\.measurements\.norm must be absent"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_train_is_refused_in_one_line(name):
    optimizer, error, message = REFUSED[name]
    logging.disable(logging.WARNING)  # which optax uses, of lookahead
    try:
        with pytest.raises(error, match=message) as caught:
            fit(optimizer)
    finally:
        logging.disable(logging.NOTSET)
    assert "\n" not in str(caught.value)


def nan_below(low):
    """The mean squared error, and NaN for a batch with a first target below so much."""
    return lambda prediction, y: jnp.where(jnp.any(y[:, 0] < low), jnp.nan, 1.0).astype(y.dtype) * LOSS(prediction, y)


LOW = float(jnp.sort(Y[:, 0])[0]) + 1e-3  # one example of ten is below


PASSES_OVER = {
    "apply_if_finite": optax.apply_if_finite(sgd(0.1), 2),
    "in a chain": chain(optax.clip(1.0), optax.apply_if_finite(sgd(0.1), 2)),
    "zero_nans": chain(optax.zero_nans(), sgd(0.1)),
    "skip_not_finite": optax.MultiSteps(sgd(0.1), 1, should_skip_update_fn=optax.skip_not_finite),
}


@pytest.mark.parametrize("name", PASSES_OVER)
def test_an_optimizer_that_passes_over_nan_is_let_do_its_work(name):
    loss = nan_below(LOW)
    with pytest.raises(fn.NonFiniteError, match=r"^loss became nan at step \d"):
        fit(sgd(0.1), loss=loss)
    state, history = fit(PASSES_OVER[name], loss=loss)
    assert np.isnan(history["loss"]).all()  # one batch in each epoch
    assert int(state.step) == 15
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(state.params))


def test_an_optimizer_that_gives_up_on_nan_stops():
    with pytest.raises(fn.NonFiniteError, match=r"^params\.0\.b became nan at step 2 \(epoch 0\)"):
        fit(optax.apply_if_finite(sgd(0.1), 2), loss=nan_below(100.0))


def test_an_infinity_by_design_is_no_fault_and_any_other_is():
    fit(chain(adam(0.01), contrib.reduce_on_plateau(accumulation_size=100)))
    state, _ = fit(adam(0.01), epochs=0)
    broken = jax.tree.map(lambda a: jnp.full_like(a, jnp.inf) if a.ndim == 2 else a, state.opt_state)
    with pytest.raises(fn.NonFiniteError, match=r"^opt_state\.0\.mu\.0\.w became inf at step 0"):
        fit(adam(0.01), state=state._replace(opt_state=broken), key=None)


def test_half_precision_is_averaged_in_single():
    """A loss near float16's largest number, over batches the last of which is shorter."""
    y = jnp.full((10, 2), 250.0)
    _, history = fit(sgd(0.0), "float16", data=(jnp.zeros((10, 3)), y), epochs=1)
    assert history["loss"][0] == pytest.approx(250.0**2, rel=1e-3)
