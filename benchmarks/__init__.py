"""The measurements of `make bench`: ratios of times within one run, never times."""
