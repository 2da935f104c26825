"""`python -m millrace`: the command line."""

from __future__ import annotations

from millrace.cli.main import main

main()
