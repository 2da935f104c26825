"""`python -m millrace.models.imported FOLDER`: load a model and print what that imported.

Run in a process of its own, so that nothing is loaded but what the model needs.
"""

from __future__ import annotations

import json
import sys
from importlib import metadata


def main(folder: str) -> None:
    """Load the model, score its example, and print the distributions of what was imported."""
    from millrace.models import pyfunc  # noqa: PLC0415 - seldom needed

    # Some libraries import it if it is there, for their own tests; no model needs it.
    sys.modules["pytest"] = None  # type: ignore[assignment]  # how Python is told so
    before = set(sys.modules)
    model = pyfunc.load_model(folder, trusted=True)
    shown = model.metadata.example(folder)
    if shown is not None:
        try:
            model.predict(shown.data, shown.params)
        except Exception as error:  # noqa: BLE001 - somebody else's code
            sys.stderr.write(f"{error}\n")
    names = {name.partition(".")[0] for name in set(sys.modules) - before}
    known = metadata.packages_distributions()
    found = {one for name in names if not name.startswith("_") for one in known.get(name, ())}
    sys.stdout.write(f"\n{json.dumps(sorted(one.lower() for one in found))}\n")


if __name__ == "__main__":
    main(sys.argv[1])
