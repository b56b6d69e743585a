"""Runs, what they leave, and what is concluded from it."""
