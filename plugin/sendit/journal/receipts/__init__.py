"""What a batch released, as it can be shown later: the chain of its receipts, and its passports."""
