"""What the platform does: rules applied to records, with audit and events."""
