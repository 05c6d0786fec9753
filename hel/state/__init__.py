"""What must outlive the process: checkpoints, delivered lines, nonces, and how far the output was written."""
