"""Noise drawn from a key."""
