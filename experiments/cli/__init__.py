"""What the `lightning` command has beside Lightning: checks, callbacks, exported graphs."""
