"""Command line of the benchmarks."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks import contenders, report, results, scenarios
from benchmarks.scenarios.outcome import FULL, QUICK
from benchmarks.sitting import Plan, Run

README = contenders.ROOT / "README.md"


def main() -> None:
    """Parse the command line and do as it says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)

    setup = verbs.add_parser("setup", help="make the virtual environments of the other servers")
    run = verbs.add_parser("run", help="measure, and write a result file")
    for verb in (setup, run):
        verb.add_argument("--servers", type=_names(list(contenders.CONTENDERS)), help="which")
    run.add_argument("--on", choices=("sqlite", "postgresql"), default="sqlite")
    run.add_argument("--only", type=_names(scenarios.names()), help="which scenarios")
    run.add_argument("--rounds", type=int, default=3)
    run.add_argument("--quick", action="store_true", help="one round, small data, about 3 minutes")
    run.add_argument("--runs", type=int, help="seed this many runs instead")
    run.add_argument("--budget-min", type=float, default=25.0, help="leave out what comes later")
    run.add_argument("--label", default="local", help="names the result file")

    show = verbs.add_parser("report", help="print the tables of a result file")
    show.add_argument("file", nargs="?", type=Path, help="default: the newest")
    show.add_argument("--readme", action="store_true", help="also put the table into README.md")

    options = parser.parse_args()
    if options.verb == "setup":
        contenders.set_up(options.servers or list(contenders.CONTENDERS), renew=True)
    elif options.verb == "run":
        _run(options)
    else:
        sitting = results.load(options.file or results.newest())
        print(report.full(sitting))
        if options.readme:
            README.write_text(report.insert(README.read_text(), report.summary(sitting)))


def _run(options: argparse.Namespace) -> None:
    effort = QUICK if options.quick else FULL
    if options.runs:
        effort = replace(effort, runs=options.runs)
    on = options.on
    known = [name for name, one in contenders.CONTENDERS.items() if on in one.storage]
    servers = [name for name in options.servers or known if name in known]
    contenders.set_up(servers, renew=False)
    plan = Plan(
        label=options.label,
        effort=effort,
        rounds=1 if options.quick else options.rounds,
        only=frozenset(options.only or ()),
        servers=tuple(servers),
        database=on,
        budget_s=options.budget_min * 60,
    )
    sitting = Run(plan).run()
    file = sitting.save()
    print(report.full(sitting))
    print(f"\nwritten to {file.relative_to(contenders.ROOT)}")


def _names(known: list[str]) -> Callable[[str], list[str]]:
    """A reader of comma lists that accepts *known* names only."""

    def read(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"{sorted(unknown)}; known are {', '.join(known)}")
        return names

    return read


if __name__ == "__main__":
    main()
