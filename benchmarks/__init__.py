"""What `make bench` measures: ratios of one run, never times."""
