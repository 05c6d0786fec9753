"""The way to the network: one HTTP request out, its answer or the reason why there is none back."""
