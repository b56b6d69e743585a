"""SRNet (Zeng et al., ECCV 2020)."""
