"""The endpoint table: what the platform can be asked, as data without behaviour."""
