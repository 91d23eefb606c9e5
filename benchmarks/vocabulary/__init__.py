"""What descriptions keep of the field's language, and what of people's names."""
