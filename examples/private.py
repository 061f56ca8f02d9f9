"""Train privately on scikit-learn's 1,797 handwritten digits, and say what that has revealed about any one of them."""

import time

import jax
import numpy as np
import optax
from sklearn.datasets import load_digits

import funcnn as fn

images, labels = load_digits(return_X_y=True)
order = np.random.default_rng(0).permutation(len(images))
x, y = (images / 16).astype("float32")[order], labels.astype("int32")[order]
train, test = (x[:1500], y[:1500]), (x[1500:], y[1500:])

init_key, noise_key, draw_key = jax.random.split(jax.random.key(0), 3)
model = fn.serial(fn.linear(64), fn.tanh, fn.linear(10))
noise, steps, rate = 8.0, 120, 1 / 3  # each digit is in a third of the batches, drawn by chance
optimizer = fn.private(optax.sgd(2.0, momentum=0.5), clip=0.5, noise=noise, key=noise_key, batch_size=500)
batches = fn.poisson_batches(train, rate, key=draw_key)
start = time.perf_counter()
state, _ = fn.fit(model, fn.losses.softmax_cross_entropy, optimizer, batches, steps=steps, key=init_key, progress=False)

predictions = model.apply(state.params, test[0]).argmax(-1)
accuracy = float((predictions == test[1]).mean())
print(f"{accuracy:.1%} of the test digits right, in {time.perf_counter() - start:.1f} s")
try:
    epsilon = fn.epsilon(noise, delta=1e-5, steps=steps, rate=rate)
    print(f"ε = {epsilon:.2f} at δ = 1e-5; shuffled, it would be {fn.epsilon(noise, delta=1e-5, epochs=40):.2f}")
    assert epsilon < 2
except ImportError as error:
    print(error)
assert accuracy > 0.8
