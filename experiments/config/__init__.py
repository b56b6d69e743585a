"""What is run: settings and tables, read from YAML."""
