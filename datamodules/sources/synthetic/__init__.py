"""Generated motion and pictures."""
