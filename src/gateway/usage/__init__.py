"""What is added up of requests, by the hour, and reports of it."""
