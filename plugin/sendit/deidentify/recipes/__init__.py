"""deid recipes: parsed, checked, and compiled to rules."""
