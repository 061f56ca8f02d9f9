"""Broken copies of a rule, by which a check is scored."""
