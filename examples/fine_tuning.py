"""Learn digits 0 to 4, then only a new head for 5 to 9: the body stays as it is, and costs no gradient."""

import jax
import numpy as np
import optax
from sklearn.datasets import load_digits

import funcnn as fn

images, labels = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(images))
x, y = (images / 16).astype("float32")[order], labels.astype("int32")[order]
first, second = (x[y < 5], y[y < 5]), (x[y >= 5], y[y >= 5] - 5)
train, test = ((second[0][:600], second[1][:600]), (second[0][600:], second[1][600:]))

model = fn.serial(body=fn.serial(fn.linear(128), fn.relu, fn.linear(128), fn.relu), head=fn.linear(5))
loss, options = fn.losses.softmax_cross_entropy, {"epochs": 30, "batch_size": 64, "progress": False}
learned, _ = fn.fit(model, loss, optax.adam(1e-3), first, key=jax.random.key(0), **options)

optimizer = fn.frozen(optax.adam(1e-2), fn.paths("body.**"))
params = learned.params | {"head": model.init(jax.random.key(1), x)["head"]}
state = fn.TrainState.create(model, optimizer, jax.random.key(2), params=params)
state, _ = fn.fit(model, loss, optimizer, train, state=state, **options)

accuracy = float((model.apply(state.params, test[0]).argmax(-1) == test[1]).mean())
print(f"{accuracy:.1%} of the other digits right, by a new head on a body that never saw one")
assert accuracy > 0.9
assert all(map(np.array_equal, *map(jax.tree.leaves, (state.params["body"], learned.params["body"]))))
