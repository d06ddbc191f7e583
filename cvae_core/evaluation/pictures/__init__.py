"""Part ``pictures``: reconstructions, samples and training curves."""
