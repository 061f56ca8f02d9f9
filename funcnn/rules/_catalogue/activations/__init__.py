"""What the pages of `rules/activations` declare."""
