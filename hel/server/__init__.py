"""What `hel run` answers over HTTP: health, metrics, a status page, and what may be asked of it."""
