"""A network in NumPy as from-scratch texts write it: layers with forward and backward, in float64."""

import numpy as np


class Linear:
    def __init__(self, w, b):
        self.params = {"w": np.array(w, np.float64), "b": np.array(b, np.float64)}
        self.grads = {}

    def forward(self, x):
        self.x = x
        return x @ self.params["w"] + self.params["b"]

    def backward(self, y_bar):
        self.grads["w"] = self.x.T @ y_bar
        self.grads["b"] = y_bar.sum(axis=0)
        return y_bar @ self.params["w"].T


class Tanh:
    def __init__(self):
        self.params, self.grads = {}, {}

    def forward(self, x):
        self.y = np.tanh(x)
        return self.y

    def backward(self, y_bar):
        return y_bar * (1 - self.y**2)


class Sequential:
    def __init__(self, *layers):
        self.layers = layers

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def backward(self, y_bar):
        for layer in reversed(self.layers):
            y_bar = layer.backward(y_bar)
        return y_bar


class SquaredError:
    """Summed over batch and outputs, or their mean."""

    def __init__(self, reduction):
        self.mean = reduction == "mean"

    def value(self, prediction, target):
        squares = (prediction - target) ** 2
        return squares.mean() if self.mean else squares.sum()

    def gradient(self, prediction, target):
        return 2 * (prediction - target) / (prediction.size if self.mean else 1)


class SGD:
    def __init__(self, rate):
        self.rate = rate

    def update(self, net):
        for layer in net.layers:
            for name, param in layer.params.items():
                param -= self.rate * layer.grads[name]


def mlp(params):
    """Linear, tanh, linear, from the parameters of funcnn's ``serial(linear, tanh, linear)``."""
    first, _, last = params
    return Sequential(Linear(**first), Tanh(), Linear(**last))


def step(net, loss, optimizer, x, target):
    """One step of training; the loss before it."""
    prediction = net.forward(x)
    value = loss.value(prediction, target)
    net.backward(loss.gradient(prediction, target))
    optimizer.update(net)
    return value


def fit(net, loss, optimizer, x, target, *, epochs, batch_size, random):
    """Train on batches of examples that are shuffled anew each epoch; the mean loss of each epoch's batches."""
    history = []
    for _ in range(epochs):
        order = random.permutation(len(x))
        rows = [order[start : start + batch_size] for start in range(0, len(x), batch_size)]
        history.append(sum(step(net, loss, optimizer, x[r], target[r]) for r in rows) / len(rows))
    return history
