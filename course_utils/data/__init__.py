"""Images: found, fetched, read, batched."""
