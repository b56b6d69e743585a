"""`python -m experiments`: the `lightning` command, whoever owns that name on the PATH."""

from experiments.cli.lightning import main

main()
