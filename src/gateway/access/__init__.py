"""Who may ask: the hosts and origins that a request may name."""
