"""The CMU motion capture database."""
