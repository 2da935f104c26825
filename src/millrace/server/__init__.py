"""The server: the platform's endpoints over HTTP."""
