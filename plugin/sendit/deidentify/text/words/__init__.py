"""Look words up in the large tables, and judge those that no table has by their parts."""
