"""What the pages of `rules/spatial` declare."""
