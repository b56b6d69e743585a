"""Windows of keypoints, index batches and pictures."""
