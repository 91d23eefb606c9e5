"""Tell words from names in scripts that have no capitals, or no spaces between words."""
