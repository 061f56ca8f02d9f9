"""What the pages of `rules/losses` declare."""
