"""The simple baseline of Martinez et al., ICCV 2017."""
