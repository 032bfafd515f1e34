"""One worker, wired and serving."""
