"""Part ``umap``: latents in two dimensions, of one trial and of all."""
