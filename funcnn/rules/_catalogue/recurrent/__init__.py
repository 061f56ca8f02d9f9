"""What the pages of `rules/recurrent` declare."""
