"""What the pages of `rules/numerics` declare."""
