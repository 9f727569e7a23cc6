"""Models: the catalog, its refresh, user-made models, loaded models."""
