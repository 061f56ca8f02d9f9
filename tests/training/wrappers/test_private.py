"""The private gradient is that of optax on a gradient of each example, with noise as large as is said."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from tests.helpers.judge import assert_close

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 2))
MODEL, LOSS, KEY = fn.serial(fn.linear(5), fn.tanh, fn.linear(2)), fn.losses.squared_error, jax.random.key(0)
CLIP = 2.0


@pytest.fixture(scope="module", autouse=True)
def _standard_promotion():
    with jax.numpy_dtype_promotion("standard"):  # optax promotes step counts to floats
        yield


def step_of(optimizer, model=MODEL, x=X, y=Y):
    """The difference that one step makes, and the state before."""
    state = fn.TrainState.create(model, optimizer, KEY, x)
    after, _ = fn.make_step(model, LOSS, optimizer, donate=False)(state, (x, y))
    return jax.tree.map(jnp.subtract, state.params, after.params), state, after


def private(noise, optimizer=None, **options):
    return fn.private(optimizer or optax.sgd(1.0), clip=CLIP, noise=noise, key=KEY, **options)


@pytest.mark.slow
def test_without_noise_it_is_that_of_optax():
    got, state, _ = step_of(private(0.0))
    of_one = lambda params, x, y: LOSS(MODEL.apply(params, x[None]), y[None])
    each = jax.vmap(jax.grad(of_one), (None, 0, 0))(state.params, X, Y)
    norms = jax.vmap(optax.tree.norm)(each)
    assert norms.min() < CLIP < norms.max()
    theirs = optax.contrib.differentially_private_aggregate(CLIP, 0.0, key=KEY)
    expected, _ = theirs.update(each, theirs.init(state.params))
    assert_close(got, expected, 1e-10)
    halved, *_ = step_of(private(0.0, batch_size=12))
    assert_close(halved, jax.tree.map(lambda g: g / 2, expected), 1e-10)


@pytest.mark.slow
def test_the_noise():
    model = fn.linear(100)
    x, y = RNG.normal(size=(4, 50)), RNG.normal(size=(4, 100))
    quiet, *_ = step_of(private(0.0), model, x, y)
    loud, _, after = step_of(private(3.0), model, x, y)
    noise = np.concatenate([np.ravel(a - b) for a, b in zip(*map(jax.tree.leaves, (loud, quiet)), strict=True)])
    assert noise.std() == pytest.approx(3.0 * CLIP / 4, rel=5 / np.sqrt(2 * noise.size))
    assert abs(noise.mean()) < 5 * noise.std() / np.sqrt(noise.size)
    again, _ = fn.make_step(model, LOSS, private(3.0), donate=False)(after, (x, y))
    assert not np.array_equal(jax.random.key_data(again.opt_state.key), jax.random.key_data(after.opt_state.key))


@pytest.mark.slow
def test_noise_of_the_model_is_the_same_in_both_passes():
    """With dropout each example's gradient that is summed is the one whose norm was taken: no sum is longer than clips."""
    model = fn.serial(fn.linear(50), fn.dropout(0.5), fn.linear(2))
    got, *_ = step_of(private(0.0), model, 30 * X[:1], 30 * Y[:1])
    assert float(optax.tree.norm(got)) == pytest.approx(CLIP, rel=1e-9)


@pytest.mark.slow
def test_fit_and_going_on():
    optimizer = private(1.0, optax.adam(0.1))
    options = {"batch_size": 4, "progress": False}
    whole, _ = fn.fit(MODEL, LOSS, optimizer, (X, Y), steps=5, key=KEY, **options)
    half, _ = fn.fit(MODEL, LOSS, optimizer, (X, Y), steps=3, key=KEY, **options)
    cut, _ = fn.fit(MODEL, LOSS, optimizer, (X, Y), steps=2, state=half, **options)
    assert_close(cut.params, whole.params, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("wrap", [lambda o: fn.ema(o, 0.9), lambda o: optax.apply_if_finite(o, 3)])
def test_wrapped(wrap):
    expected, *_ = step_of(private(1.0))
    assert_close(step_of(wrap(private(1.0)))[0], expected, 0)


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (lambda: optax.MultiSteps(private(1.0), 2), "private must come first"),
        (lambda: optax.chain(optax.clip(1.0), private(1.0)), "private must come first"),
        (lambda: private(1.0, optax.lbfgs()), "value"),
    ],
)
def test_what_it_cannot_be_composed_with(optimizer, message):
    with pytest.raises((TypeError, ValueError), match=message):
        step_of(optimizer())


def test_bad_calls():
    with pytest.raises(ValueError, match="clip must be a number above 0, got 0"):
        fn.private(optax.sgd(1.0), clip=0, noise=1.0, key=KEY)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        fn.private(optax.sgd(1.0), clip=1.0, noise=1.0, key=KEY, batch_size=0)
    with pytest.raises(TypeError, match=r"key must be a jax\.random\.key"):
        fn.private(optax.sgd(1.0), clip=1.0, noise=1.0, key=0)
    with pytest.raises(TypeError, match="needs the gradient of each example"):
        private(1.0).update({}, private(1.0).init({}), {})
    with pytest.raises(ValueError, match=r"^layer 1: batch_norm mixes the examples"):
        step_of(private(1.0), fn.serial(fn.linear(5), fn.batch_norm(), fn.linear(2)))


def exact_delta(deviation, epsilon):
    """The δ of one Gaussian mechanism of sensitivity 1: Balle & Wang, 2018, theorem 5."""
    cdf = jax.scipy.stats.norm.cdf
    shift = 1 / (2 * deviation)
    return cdf(shift - epsilon * deviation) - jnp.exp(epsilon) * cdf(-shift - epsilon * deviation)


@pytest.mark.slow
def test_epsilon():
    pytest.importorskip("dp_accounting")
    epsilon = fn.epsilon(noise=1.5, delta=1e-5, epochs=4)
    assert float(exact_delta(1.5 / np.sqrt(4), epsilon)) == pytest.approx(1e-5, rel=1e-2)
    assert fn.epsilon(noise=1.5, delta=1e-5, steps=4, rate=1.0) == pytest.approx(epsilon, rel=1e-3)
    assert fn.epsilon(noise=1.5, delta=1e-5, steps=4, rate=0.1) < epsilon / 2
    assert fn.epsilon(noise=0.0, delta=1e-5, epochs=1) == np.inf


def test_epsilon_asks_for_one_kind_of_sampling():
    pytest.importorskip("dp_accounting")
    with pytest.raises(TypeError, match="either epochs, or steps and a rate"):
        fn.epsilon(1.0, 1e-5, steps=10)
    with pytest.raises(TypeError, match="either epochs, or steps and a rate"):
        fn.epsilon(0.0, 1e-5)
    with pytest.raises(ValueError, match="rate must be a number above 0 and up to 1, got 2"):
        fn.epsilon(1.0, 1e-5, steps=10, rate=2.0)
    with pytest.raises(ValueError, match="delta must be a number above 0 and below 1"):
        fn.epsilon(1.0, 0.0, epochs=10)
