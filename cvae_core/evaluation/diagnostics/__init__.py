"""Part ``diagnostics``: errors, likelihood, and what the latents are used for."""
