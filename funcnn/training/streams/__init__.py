"""Batches of anything that gives them: read ahead, and trained on in blocks of steps."""
