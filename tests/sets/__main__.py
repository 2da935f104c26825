"""Fills a store or a server, or lists the sets.

python -m tests.sets D2 sqlite:////tmp/d2.db
python -m tests.sets D4 http://127.0.0.1:5000
"""

from __future__ import annotations

import sys
import time

from millrace.stores.open import open_stores
from tests.browser.seed import Api
from tests.sets import SERVED, SETS, fill


def main() -> None:
    """Fill what is named."""
    if len(sys.argv) != 3 or sys.argv[1] not in {**SETS, **SERVED}:
        every = [*SETS.items(), *SERVED.items()]
        sys.exit("\n".join(f"{name}  {what}" for name, (_, what) in every))
    began = time.monotonic()
    name, place = sys.argv[1:]
    if name in SERVED:
        SERVED[name][0](Api(place))
    else:
        stores = open_stores(place)
        try:
            print(f"experiment {fill(name, stores)}")
        finally:
            stores.close()
    print(f"{time.monotonic() - began:.0f} s")


main()
