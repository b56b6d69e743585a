"""Plain networks, usable without Lightning."""
