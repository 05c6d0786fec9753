"""Where lines go: a file, which repeats nothing, or a stream, which repeats at most what was not committed."""
