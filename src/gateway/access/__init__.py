"""Access checks: the hosts and origins that a request may name."""
