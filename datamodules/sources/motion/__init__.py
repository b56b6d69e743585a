"""How generated people move."""
