"""What is noted of a request, and who is told."""
