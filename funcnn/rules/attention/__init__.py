"""Attention over a sequence, and the rotations that tell it where things stand."""
