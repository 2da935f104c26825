"""Being called over HTTP: dispatch, bodies, errors and browser safety, without knowing what for."""
