"""Norms of each example's own gradient, and sums of clipped ones, without a gradient for each example in memory."""
