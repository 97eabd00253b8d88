"""What changed and what is so: diff of scans into events, fold of events into state."""
