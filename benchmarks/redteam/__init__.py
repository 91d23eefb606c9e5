"""What leaves of plausible texts in many languages, half of which hold something that identifies."""
