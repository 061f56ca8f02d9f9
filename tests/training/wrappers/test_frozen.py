"""What is frozen stays, in no optimizer's state, and the compiled step has neither products nor inputs for its gradient."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import funcnn as fn
from funcnn.training._step import plain_step

KEY = jax.random.key(0)
X, Y = np.ones((64, 8), np.float32), np.zeros((64, 3), np.float32)
BODY = fn.paths("body.**")
BLOCK = fn.residual(fn.serial(fn.linear(16), fn.gelu, fn.linear(8)))
BODIES = {
    "serial": fn.serial(BLOCK, BLOCK, BLOCK),
    "recomputed": fn.serial(*[fn.remat(BLOCK)] * 3),
    "repeated": fn.repeat(BLOCK, 3),
    "repeated, recomputed": fn.repeat(BLOCK, 3, remat=True),
}


@pytest.fixture(autouse=True)
def _standard_promotion():
    with jax.numpy_dtype_promotion("standard"):  # optax promotes step counts to floats
        yield


def compiled(take, state):
    program = jax.jit(take, donate_argnums=0).lower(state, (X, Y)).compile()
    products = re.findall(r"= \S+ (?:dot|custom-call)\(", program.as_text())
    return len(products), program.memory_analysis().temp_size_in_bytes


def only_learned(model, optimizer):
    """A step that takes the gradient by all parameters but the body's."""

    def take(state, batch):
        def loss(learned):
            return fn.losses.squared_error(model.apply({**state.params, **learned}, batch[0], key=KEY), batch[1])

        learned = {name: p for name, p in state.params.items() if name != "body"}
        value, gradient = jax.value_and_grad(loss)(learned)
        updates, opt_state = optimizer.update(gradient, state.opt_state, learned)
        params = {**state.params, **optax.apply_updates(learned, updates)}
        return state._replace(params=params, opt_state=opt_state, step=state.step + 1), value

    return take


@pytest.mark.slow
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("probes", [False, True])
def test_the_compiled_step(body, probes):
    model = fn.serial(stem=fn.linear(8), body=BODIES[body], head=fn.linear(3))
    optimizer = optax.adamw(1e-3)
    frozen = fn.frozen(optimizer, BODY)
    state = fn.TrainState.create(model, frozen, KEY, X)
    assert not any(
        "body" in jax.tree_util.keystr(path) for path, _ in jax.tree_util.tree_leaves_with_path(state.opt_state)
    )
    ours = compiled(plain_step(model, fn.losses.squared_error, frozen, probes=probes).take, state)

    learned = {name: p for name, p in state.params.items() if name != "body"}
    by_hand = compiled(only_learned(model, optimizer), state._replace(opt_state=optimizer.init(learned)))
    unfrozen = state._replace(opt_state=optimizer.init(state.params))
    whole, probed = (
        compiled(plain_step(model, fn.losses.squared_error, optimizer, probes=looked).take, unfrozen)
        for looked in (False, probes)
    )
    assert whole[0] - by_hand[0] == probed[0] - ours[0] > 0  # probes look at results that remat computes once more
    assert ours[1] < probed[1]
    assert probes or ours[1] <= 1.1 * by_hand[1]


WRAPPED = {
    "weight decay": lambda: fn.frozen(optax.adamw(0.1, weight_decay=0.5), BODY),
    "inside of an average": lambda: fn.ema(fn.frozen(optax.adam(0.1), BODY), 0.9),
    "around an average": lambda: fn.frozen(fn.ema(optax.adam(0.1), 0.9), BODY),
    "accumulated": lambda: optax.MultiSteps(fn.frozen(optax.adam(0.1), BODY), 2),
    "around accumulation": lambda: fn.frozen(optax.MultiSteps(optax.adam(0.1), 2), BODY),
    "guarded": lambda: fn.spike_guard(fn.frozen(optax.adam(0.1), BODY)),
    "a line search": lambda: fn.frozen(optax.lbfgs(), BODY),
    "backtracking": lambda: fn.frozen(optax.chain(optax.sgd(1.0), optax.scale_by_backtracking_linesearch(5)), BODY),
    "private": lambda: fn.frozen(fn.private(optax.sgd(0.1), clip=1.0, noise=0.1, key=KEY), BODY),
    "inside of private": lambda: fn.private(fn.frozen(optax.sgd(0.1), BODY), clip=1.0, noise=0.1, key=KEY),
}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("name", WRAPPED)
def test_what_is_frozen_stays(name, dtype):
    model = fn.serial(body=fn.linear(4), act=fn.tanh, head=fn.linear(3))
    optimizer = WRAPPED[name]()
    x, y = X.astype(dtype), Y.astype(dtype) + 1
    state = fn.TrainState.create(model, optimizer, KEY, x)
    start = jax.device_get(state.params)
    step = fn.make_step(model, fn.losses.squared_error, optimizer)
    for _ in range(2):
        state, _ = step(state, (x, y))
    assert all(np.array_equal(start["body"][name], state.params["body"][name]) for name in "wb")
    assert not np.array_equal(start["head"]["w"], state.params["head"]["w"])


def test_a_state_of_it_is_saved_and_gone_on_with(tmp_path):
    model = fn.serial(body=fn.linear(4), head=fn.linear(3))
    optimizer = fn.frozen(optax.adam(0.1), BODY)
    state = fn.TrainState.create(model, optimizer, KEY, X)
    fn.save(tmp_path / "state", state)
    back = fn.load(tmp_path / "state", state)
    assert jax.tree.structure(back) == jax.tree.structure(state)


def test_bad_calls():
    with pytest.raises(TypeError, match="where must be a function"):
        fn.frozen(optax.sgd(0.1), "body.**")
    with pytest.raises(ValueError, match=r"where names no parameter of b, w"):
        fn.frozen(optax.sgd(0.1), BODY).init(fn.linear(2).init(KEY, X))
    with pytest.raises(ValueError, match="where names every parameter"):
        fn.frozen(optax.sgd(0.1), fn.paths("**")).init(fn.linear(2).init(KEY, X))
