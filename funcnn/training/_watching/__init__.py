"""What looks on while a model is trained: it stops early, keeps the best state, logs."""
