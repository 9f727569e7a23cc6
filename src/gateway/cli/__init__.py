"""The command line; only what stands here may write to a terminal or set up logging."""
