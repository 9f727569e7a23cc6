"""Access checks: hosts, origins, client keys, and the limits of each caller."""
