"""Its worker."""
