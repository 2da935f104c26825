"""Bytes: the protocol that every artifact store keeps, and the stores."""
