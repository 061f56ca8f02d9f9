"""What the pages of `rules/structure` declare."""
