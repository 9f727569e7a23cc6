"""The client side: convert the wire formats of clients to values and back, without I/O."""
