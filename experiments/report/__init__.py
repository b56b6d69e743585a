"""What people get to see: pages, figures, and tables in the terminal."""
