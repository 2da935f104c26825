"""What the platform does: rules applied to records."""
