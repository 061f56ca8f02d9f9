"""What the pages of `rules/attention` declare."""
