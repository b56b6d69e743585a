"""One file a public format."""
