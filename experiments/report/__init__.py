"""Reports: pages, figures, and tables in the terminal."""
