"""Part ``probe``: how well classes can be read off frozen latents."""
