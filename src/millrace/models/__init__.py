"""Packaging models: the `MLmodel` folder, signatures, what flavors share, loading."""
