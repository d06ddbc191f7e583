"""Parts ``fd`` and ``fid``: how far generated images are from real ones."""
