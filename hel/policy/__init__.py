"""What to do about an answer, and when: laws without I/O, clock or log."""
