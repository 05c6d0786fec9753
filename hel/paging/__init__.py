"""What to ask next and where to resume: one module a strategy, one poll loop for all of them."""
