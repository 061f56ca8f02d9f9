"""What the pages of `rules/normalization` declare."""
