"""The training loop, its random streams and its checkpoints."""
