"""What follows from what AWS reports, a file per question. Pure."""
