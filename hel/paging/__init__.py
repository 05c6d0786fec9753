"""What to ask next and where to resume: one class a strategy, one poll loop for all of them."""
