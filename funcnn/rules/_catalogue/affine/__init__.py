"""What the pages of `rules/affine` declare."""
