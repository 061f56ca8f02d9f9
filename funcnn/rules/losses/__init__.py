"""Losses, one number an element or a row."""
