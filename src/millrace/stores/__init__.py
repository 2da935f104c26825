"""Records: the protocols that every store keeps, and the stores."""
