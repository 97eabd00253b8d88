"""What the vault proves, and what it does not."""
