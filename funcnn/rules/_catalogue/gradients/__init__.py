"""What the pages of `rules/gradients` declare."""
