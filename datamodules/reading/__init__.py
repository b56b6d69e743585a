"""Untrusted files: read as data, never as code."""
