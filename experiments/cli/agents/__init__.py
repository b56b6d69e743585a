"""What W&B agents run, and what W&B is shown of it."""
