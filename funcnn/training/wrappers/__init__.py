"""Wrappers of an optimizer: what a step does besides, as optax transformations, whose state is the optimizer's."""
