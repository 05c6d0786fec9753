"""What the user asked for: models, loading, secrets."""
