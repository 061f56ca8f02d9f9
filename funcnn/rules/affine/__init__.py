"""Affine maps with a weight, and embedding."""
