"""Records of requests, and the observers that receive them."""
