"""What the pages of `rules/noise` declare."""
