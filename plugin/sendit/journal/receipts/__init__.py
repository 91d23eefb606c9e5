"""Evidence of what a batch released: the chain of its receipts, and its passports."""
