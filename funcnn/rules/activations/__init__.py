"""Activations: elementwise, gated, and those of a row."""
