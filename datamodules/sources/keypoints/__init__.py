"""Readers of the 2D keypoints that estimators write."""
