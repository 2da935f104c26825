"""Write the files that derive from tables in the code, or (--check) say which of them are stale.

docs/reference/: endpoints, permissions and openapi.json from `millrace.api.table`, settings from
`millrace.core.settings`, errors from `millrace.core.errors`, the command line from click. In the
architecture page the list of modules, from their docstrings. In ui/ the client's types, from the
OpenAPI document. docs/flavors/: see `flavor_pages`.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import client_types
import flavor_pages
import msgspec

from millrace.api import permissions, reference
from millrace.api.openapi import document
from millrace.api.table import ENDPOINTS
from millrace.cli.main import main as root
from millrace.core import errors, settings

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "millrace"
ARCHITECTURE = "docs/internals/architecture.md"
CLIENT_TYPES = "ui/src/api/generated.ts"
SIDES = {
    "client": "Client",
    "server": "Server",
    "both": "Client and server",
}


def main() -> None:
    """Write or check all derived files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if one is stale")
    check: bool = parser.parse_args().check
    stale = []
    for name, text in derived().items():
        path = ROOT / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    if check and stale:
        sys.exit(f"Stale: {', '.join(stale)}. Run make gen.")


def derived() -> dict[str, str]:
    """What each derived file should hold."""
    described = document(ENDPOINTS)
    spec = msgspec.json.format(msgspec.json.encode(described), indent=1)
    return {
        "docs/reference/endpoints.md": _page("Endpoints", _ENDPOINTS, reference.page(ENDPOINTS)),
        "docs/reference/permissions.md": _page(
            "Permissions", _PERMISSIONS, permissions.page(ENDPOINTS)
        ),
        "docs/reference/settings.md": _page("Settings", _SETTINGS, "\n".join(_settings())),
        "docs/reference/errors.md": _page("Errors", _ERRORS, "\n".join(_errors())),
        "docs/reference/cli.md": _page("Command line", _CLI, "\n".join(_commands())),
        "docs/reference/openapi.json": spec.decode() + "\n",
        ARCHITECTURE: _between_marks((ROOT / ARCHITECTURE).read_text(), "\n".join(_modules())),
        CLIENT_TYPES: client_types.module(described),
        **flavor_pages.pages(),
    }


_ENDPOINTS = """\
Every call of the REST API. A path stands below the server's address and, where one is set, its
static prefix. `GET` reads the query string, all other verbs a JSON body. Field names may also be
written in lowerCamelCase on input; whole numbers may stand in strings; `null` is the same as
absent; fields that are not listed are ignored. The same as [OpenAPI 3.1](openapi.json), which a
server has at `/openapi.json`.

Errors are answered as described in [Errors](errors.md)."""
_PERMISSIONS = """\
Which level of permission on which resource a call needs. Each level includes those to its left.

This version has no user accounts: whoever can reach a server may do everything. The table is what
the calls declare, and what accounts will be checked against."""
_SETTINGS = """\
Environment variables. An explicit argument or command-line option wins over `MILLRACE_...`, which
wins over `MLFLOW_...`, which wins over the default. An empty variable counts as unset. `millrace
doctor` shows which are set."""
_ERRORS = """\
A failed request is answered with the status and a JSON object that holds `error_code`, `message`,
`request_id` (the server's log has it) and, for some, `sqlstate` and `error_class`. Where it is
known, `hint` is the way out, which ends the message, too; `field` names the part of the request
that is wrong, such as `filter` or `order_by[0]`, and `column` the character in its text, from 1.

With `Accept: application/problem+json` the same comes as a problem document of RFC 9457: `type`,
`title`, `status` and `detail` beside all of these.

The Python client raises the class of that name from `millrace.core.errors`; all are
`MillraceError`s and know `message`, `error_code` and `status`."""
_CLI = """\
`millrace`, or `python -m millrace`. Exit codes: 0 done, 1 it failed (one sentence on the standard
error says why), 2 the command line is wrong, 130 interrupted."""


def _page(title: str, preamble: str, body: str) -> str:
    return f"# {title}\n\n{preamble}\n\n{body.rstrip()}\n"


def _settings() -> Iterator[str]:
    for side, title in SIDES.items():
        yield from (f"## {title}", "")
        for setting in settings.SETTINGS:
            if setting.side != side:
                continue
            yield from (f"### {setting.name}", "", setting.doc, "")
            default = "none" if setting.default in (None, "") else f"`{setting.default}`"
            others = f" Also read from `{setting.mlflow}`." if setting.mlflow else ""
            yield from (f"Default: {default}.{others}", "")


def _errors() -> Iterator[str]:
    for kind in error_classes():
        yield from (f"## {kind.__name__}", "", f"Status {kind.status}, `{kind.code}`.", "")
        yield from (inspect.getdoc(kind) or "", "")


def error_classes() -> list[type[errors.MillraceError]]:
    """All errors, by status."""
    found = [
        kind
        for kind in vars(errors).values()
        if inspect.isclass(kind) and issubclass(kind, errors.MillraceError)
    ]
    return sorted(dict.fromkeys(found), key=lambda kind: (kind.status, kind.code))


def _commands() -> Iterator[str]:
    for path, command, context in commands(root, click.Context(root, info_name="millrace")):
        yield from (f"## {path}", "", inspect.cleandoc(command.help or ""), "")
        usage = " ".join(command.collect_usage_pieces(context))
        yield from ("```text", f"{path} {usage}", "```", "")
        records = [
            param.get_help_record(context) or ("", "")
            for param in command.get_params(context)
            if isinstance(param, click.Option) and not param.hidden and "--help" not in param.opts
        ]
        if records:
            yield from ("| option | |", "|---|---|")
            yield from (
                f"| `{names.replace('|', ', ')}` | {_cell(text)} |" for names, text in records
            )
            yield ""


def commands(
    command: click.Command, context: click.Context
) -> Iterator[tuple[str, click.Command, click.Context]]:
    """*command* and all below it, each with its whole name."""
    yield context.command_path, command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                below = click.Context(child, info_name=name, parent=context)
                yield from commands(child, below)


def _modules() -> Iterator[str]:
    """The modules of each room, with the first sentence of their docstrings."""
    rooms = {"": "the package itself"} | {
        path.name: path.name
        for path in sorted(PACKAGE.iterdir())
        if (path / "__init__.py").exists()
    }
    for room, title in rooms.items():
        found = (PACKAGE / room).rglob("*.py") if room else PACKAGE.glob("*.py")
        lines = {
            str(path.relative_to(PACKAGE / room)): _purpose(path)
            for path in found
            if "migrations" not in path.parts  # they are many, and say by their names what they do
        }
        told = {name: text for name, text in sorted(lines.items()) if text}
        width = max(map(len, told))
        yield from (f"### {title}", "", "```text")
        yield from (f"{name:<{width}}  {text}" for name, text in told.items())
        yield from ("```", "")


def _purpose(module: Path) -> str:
    """The first paragraph of the docstring on one line; packages may have none."""
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    if not text and module.name != "__init__.py":
        sys.exit(f"{module.relative_to(ROOT)} does not say what it is for: it has no docstring.")
    return " ".join(text.partition("\n\n")[0].split())


def _between_marks(page: str, text: str) -> str:
    """*page* with *text* between the marks of the map."""
    begin, end = "<!-- map:begin -->", "<!-- map:end -->"
    return re.sub(f"{begin}.*{end}", lambda _: f"{begin}\n\n{text}\n{end}", page, flags=re.DOTALL)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    main()
