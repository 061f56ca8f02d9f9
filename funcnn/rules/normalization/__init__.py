"""Normalisation of rows, batches, groups and weights."""
