"""Fills a store: `python -m tests.sets D2 sqlite:////tmp/d2.db`, or lists the sets."""

from __future__ import annotations

import sys
import time

from millrace.stores.open import open_stores
from tests.sets import SETS, fill


def main() -> None:
    """Fill the store that is named."""
    if len(sys.argv) != 3 or sys.argv[1] not in SETS:
        sys.exit("\n".join(f"{name}  {what}" for name, (_, what) in SETS.items()))
    began = time.monotonic()
    stores = open_stores(sys.argv[2])
    try:
        experiment = fill(sys.argv[1], stores)
    finally:
        stores.close()
    print(f"experiment {experiment}, {time.monotonic() - began:.0f} s")


main()
