"""XOR: no linear model can learn it, and two hidden tanh units can.

Run: python examples/xor.py
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import optax
from matplotlib.figure import Figure
from tqdm import tqdm

import funcnn as fn

PICTURE = Path(__file__).parent / "pictures" / "xor.png"

X = jnp.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
Y = jnp.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])  # one column for the answer 0, one for 1

# Orthogonal weights: with only two hidden units, neither may start as a copy of the other.
orthogonal = fn.initializers.orthogonal()
LINEAR = fn.linear(2)
TANH = fn.serial(fn.linear(2, w_init=orthogonal), fn.tanh, fn.linear(2, w_init=orthogonal))

# Far out, where tanh is flat, XOR has poor minima: weight decay leads away from them. The eps keeps Adam's steps small
# where the gradient is nearly 0.
STEPS = 3_000
SGD = optax.sgd(0.5)
ADAM = optax.chain(optax.add_decayed_weights(5e-4), optax.adam(0.1, eps=1e-2))
RUNS = {
    "linear, Adam with decay": (LINEAR, ADAM, 20),
    "2-2-2 tanh, plain SGD": (TANH, SGD, 100),
    "2-2-2 tanh, Adam with decay": (TANH, ADAM, 100),
}


def loss(params):
    return fn.losses.squared_error(TANH.apply(params, X), Y)


def count_right(model, params):
    return jnp.sum(jnp.argmax(model.apply(params, X), axis=-1) == jnp.argmax(Y, axis=-1))


def train_at_once(model, optimizer, seeds):
    """Train from many seeds in one compiled call, and count for each how many of the four answers are right."""
    step = fn.make_step(model, fn.losses.squared_error, optimizer)

    @jax.jit
    @jax.vmap
    def train(key):
        state = fn.TrainState.create(model, optimizer, key, X)
        state, _ = jax.lax.scan(lambda state, _: step(state, (X, Y)), state, length=STEPS)
        return count_right(model, state.params)

    return train(jax.random.split(jax.random.key(0), seeds))


def train_one(model):
    return fn.fit(model, fn.losses.squared_error, ADAM, (X, Y), epochs=STEPS, key=jax.random.key(0))


def draw_answers(axes, model, params, title):
    """The score of answer 1 less that of answer 0, from blue to red, and the line where both are equal."""
    line = jnp.linspace(-0.4, 1.4, 200)
    points = jnp.stack(jnp.meshgrid(line, line), axis=-1)
    scores = model.apply(params, points)  # any leading axes: here [200, 200, 2]
    tilt = scores[..., 1] - scores[..., 0]
    axes.contourf(line, line, tilt, levels=jnp.linspace(-1.5, 1.5, 32), cmap="RdBu_r", extend="both")
    if jnp.ptp(tilt) > 0.1:  # a flat model has no such line, only rounding
        axes.contour(line, line, tilt, levels=[0], colors="black")
    for answer, colour in enumerate(["#08519c", "#a50f15"]):
        chosen = X[Y[:, answer] == 1]
        axes.scatter(*chosen.T, s=140, c=colour, edgecolors="white", linewidths=2, label=f"XOR is {answer}", zorder=3)
    axes.set(title=title, aspect="equal", xticks=[0, 1], yticks=[0, 1], xlabel="first input", ylabel="second input")


def draw(linear, linear_history, tanh, tanh_history):
    figure = Figure(figsize=(12, 4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    draw_answers(left, LINEAR, linear.params, "linear: at best ½ everywhere")
    draw_answers(middle, TANH, tanh.params, "2-2-2 tanh: a band")
    left.legend(loc="center", framealpha=1)
    right.loglog(range(1, STEPS + 1), linear_history["loss"], label="linear")
    right.loglog(range(1, STEPS + 1), tanh_history["loss"], label="2-2-2 tanh")
    right.set(title="loss of one seed", xlabel="step", ylabel="mean squared error")
    right.legend()
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=150)


def main():
    right = {}
    for name, (model, optimizer, seeds) in tqdm(RUNS.items(), desc="many seeds at once", unit="run"):
        right[name] = train_at_once(model, optimizer, seeds)
    linear, linear_history = train_one(LINEAR)
    tanh, tanh_history = train_one(TANH)
    draw(linear, linear_history, tanh, tanh_history)

    print("\nSeeds that learn all four answers, and how many answers the best and the worst seed learn:")
    for name, counts in right.items():
        print(f"  {name:28} {jnp.sum(counts == 4):3} of {counts.size:3}   best {counts.max()}, worst {counts.min()}")
    print("\nHand-written gradients of the tanh network beside those of jax.grad, before training:")
    comparison = fn.verify.compare(loss, TANH.init(jax.random.key(0), X))
    print(comparison)
    print(f"\nOne seed trained with fn.fit: {count_right(TANH, tanh.params)} of 4 right. Picture: {PICTURE}")

    linear_counts, _, tanh_counts = right.values()
    assert linear_counts.max() <= 3
    assert jnp.sum(tanh_counts == 4) >= 98
    assert count_right(TANH, tanh.params) == 4
    assert comparison.ok


if __name__ == "__main__":
    main()
