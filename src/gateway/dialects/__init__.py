"""The client side: the wire formats that clients speak, from bytes to values and back; pure."""
