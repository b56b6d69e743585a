"""Readers of what 2D estimators write, one file a format."""
