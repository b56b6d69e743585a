"""Human3.6M's public files."""
