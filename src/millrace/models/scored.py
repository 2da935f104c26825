"""`python -m millrace.models.scored FOLDER [trusted]`: load a model, score its stored example.

Prints what comes out as JSON. Run in a process, and perhaps an environment, of its own.
"""

from __future__ import annotations

import json
import sys

from millrace.core.errors import MillraceError
from millrace.models import example, pyfunc


def main(folder: str, word: str = "") -> int:
    """Print the output as JSON; on failure one line on the standard error, and 1."""
    try:
        model = pyfunc.load_model(folder, trusted=True if word == "trusted" else None)
        shown = model.metadata.example(folder)
        if shown is None:
            raise MillraceError("The model has no input example to score.")  # noqa: TRY301 - told below
        output = model.predict(shown.data, shown.params)
        sys.stdout.write(f"\n{json.dumps({'output': example.plain(output)})}\n")
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller tells it
        sys.stderr.write(f"{type(error).__name__}: {' '.join(str(error).split())}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
