"""Runs: fitted, measured and stored."""
