"""VideoPose3D (Pavllo et al., CVPR 2019)."""
