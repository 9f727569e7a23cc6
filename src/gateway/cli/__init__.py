"""The command line, the only package that writes to a terminal or configures logging."""
