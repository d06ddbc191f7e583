"""A sweep's folder: its documents, who is at work in it, what a dead driver left."""
