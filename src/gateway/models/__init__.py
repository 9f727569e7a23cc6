"""Which models there are: the catalog, its refresh, what users made, what counts as loaded."""
