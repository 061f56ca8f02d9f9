"""Tables: is a tumour benign, and how far will a diabetes have gone in a year?

Training stops when the validation loss no longer falls; the best parameters are saved, and a new process predicts by them.

Run: python examples/tabular.py
"""

import subprocess
import sys
import tempfile

import jax
import numpy as np
import optax
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.metrics import accuracy_score, r2_score

import funcnn as fn

TASKS = {
    "breast cancer": (load_breast_cancer, fn.losses.sigmoid_cross_entropy, {"accuracy": fn.metrics.binary_accuracy}),
    "diabetes": (load_diabetes, fn.losses.squared_error, {"r2": fn.metrics.r2()}),
}
MODEL = fn.serial(fn.linear(64), fn.relu, fn.dropout(0.3), fn.linear(64), fn.relu, fn.dropout(0.3), fn.linear(1))


def load(task):
    """Inputs ``[n, features]`` and targets ``[n, 1]``: three fifths to train on, one to validate on, one held out."""
    x, y = TASKS[task][0](return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    train, validation, held_out = np.split(order, [3 * len(x) // 5, 4 * len(x) // 5])
    x = (x - x[train].mean(0)) / x[train].std(0)
    y = y if task == "breast cancer" else (y - y[train].mean()) / y[train].std()
    return [(np.float32(x[rows]), np.float32(y[rows, None])) for rows in (train, validation, held_out)]


def train(task, path):
    """Save the parameters of the epoch with the lowest validation loss."""
    _, loss, metrics = TASKS[task]
    data, validation, _ = load(task)
    watch = [fn.early_stopping("val_loss", patience=30), fn.best_state("val_loss")]
    state, history = fn.fit(
        MODEL, loss, optax.adamw(1e-3), data, epochs=1000, batch_size=32, key=jax.random.key(0),
        validation=validation, metrics=metrics, watch=watch, progress=False,
    )  # fmt: skip
    best = int(history["val_loss"].argmin())
    print(
        f"{task}: the best of {len(history['loss'])} epochs is number {best + 1}, loss {history['val_loss'][best]:.3f}"
    )
    assert len(history["loss"]) == best + 31 < 1000
    fn.save(path, state.params)


def predict(task, path):
    """Load the parameters and predict what was held out."""
    *_, (x, y) = load(task)
    like = jax.eval_shape(MODEL.init, jax.random.key(0), x)
    return y, fn.predict(MODEL, fn.load(path, like), x, batch_size=32)


def report(path):
    """In a new process, what the saved parameters are worth."""
    labels, logits = predict("breast cancer", f"{path}/breast cancer.npz")
    accuracy = accuracy_score(labels, logits > 0)
    targets, values = predict("diabetes", f"{path}/diabetes.npz")
    r2 = r2_score(targets, values)
    train, _, held_out = load("diabetes")
    straight = LinearRegression().fit(*train).score(*held_out)
    print(f"held out: {accuracy:.1%} of the tumours right; diabetes with R² {r2:.3f}, a straight line {straight:.3f}")
    assert accuracy >= 0.95, accuracy
    assert r2 > straight, (r2, straight)


def main():
    with tempfile.TemporaryDirectory() as folder:
        for task in TASKS:
            train(task, f"{folder}/{task}.npz")
        subprocess.run([sys.executable, __file__, folder], check=True)


if __name__ == "__main__":
    report(sys.argv[1]) if len(sys.argv) > 1 else main()
