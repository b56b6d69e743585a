"""Verdicts on claims: the evidence of runs, the statistics, and the contents of `table.json`."""
