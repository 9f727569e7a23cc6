"""The page for people at ``/ui/``: files of the package, and the routes that serve them."""
