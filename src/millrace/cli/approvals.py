"""`millrace registry policy`, `request`, `approve`, ... `rollback`: changes that need others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

import click

from millrace.cli import options
from millrace.cli.output import show_json, show_table, time_of
from millrace.cli.records import every, registry_at, registry_where
from millrace.core.entities.approval import RequestState
from millrace.core.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    from millrace.core.entities.approval import ApprovalRequest, Policy

_REQUESTS: Final = ("id", "model", "wish", "state", "by", "approvals", "made", "expires")
_POLICIES: Final = ("models", "guards", "approvals", "self approval", "rollback", "expires")
_name = click.argument("name")
_request_id = click.argument("request_id")
_comment = click.option("--comment", metavar="TEXT", help="Why.")


@click.group()
def policy() -> None:
    """Say who must agree before stages and aliases are changed."""


@policy.command("set")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@registry_where
def set_(*, file: Path, tracking_uri: str | None, registry_uri: str | None) -> None:
    """Set the policy that FILE, YAML or JSON, holds; for the same models it replaces the old."""
    from millrace.files.documents import read_yaml

    document = read_yaml(file.read_bytes())
    if not isinstance(document, dict):
        raise InvalidArgument(f"{file} is no approval policy: it must be a mapping.")
    found = registry_at(tracking_uri, registry_uri).set_approval_policy(document)
    click.echo(f"The policy for '{found.models}' is set.")


@policy.command()
@_name
@registry_where
def show(*, name: str, tracking_uri: str | None, registry_uri: str | None) -> None:
    """Show the policy that holds for a model, as JSON."""
    show_json(registry_at(tracking_uri, registry_uri).get_approval_policy(name))


@policy.command("list")
@options.output
@registry_where
def list_(*, output: str, tracking_uri: str | None, registry_uri: str | None) -> None:
    """List all policies."""
    found = registry_at(tracking_uri, registry_uri).list_approval_policies()
    if output == "json":
        show_json(found)
    else:
        show_table(_POLICIES, (_policy_row(one) for one in found))


@policy.command()
@click.argument("models")
@registry_where
def delete(*, models: str, tracking_uri: str | None, registry_uri: str | None) -> None:
    """Delete the policy for exactly that name or pattern."""
    registry_at(tracking_uri, registry_uri).delete_approval_policy(models)
    click.echo(f"The policy for '{models}' is deleted.")


@click.command()
@_name
@click.argument("version", required=False)
@click.option("--stage", metavar="STAGE", help="Into, or with --rollback of, this stage.")
@click.option("--alias", metavar="ALIAS", help="Under this alias; without VERSION, delete it.")
@click.option("--archive-existing", is_flag=True, help="Archive other versions in that stage.")
@click.option("--rollback", is_flag=True, help="Ask to go back to what was there before.")
@_comment
@options.output
@registry_where
def request(
    *,
    name: str,
    version: str | None,
    stage: str | None,
    alias: str | None,
    archive_existing: bool,
    rollback: bool,
    comment: str | None,
    output: str,
    tracking_uri: str | None,
    registry_uri: str | None,
) -> None:
    """Ask that a version enters a guarded stage, or gets a guarded alias."""
    made = registry_at(tracking_uri, registry_uri).create_transition_request(
        name,
        version,
        stage,
        alias=alias,
        archive_existing_versions=archive_existing,
        rollback=rollback,
        comment=comment,
    )
    if output == "json":
        show_json(made)
    else:
        click.echo(f"Request {made.id} needs {made.approvals_needed} to approve it.")


@click.command()
@click.argument("name", required=False)
@click.argument("request_id", required=False)
@click.option("--version", metavar="VERSION", help="Only those about this version of NAME.")
@click.option("--waiting", is_flag=True, help="Only those that you could agree to now.")
@click.option("--mine", is_flag=True, help="Only those that you made.")
@click.option(
    "--state",
    "states",
    multiple=True,
    type=click.Choice(get_args(RequestState), case_sensitive=False),
    help="Only those that stand so. May be given several times.",
)
@options.output
@registry_where
def requests(
    *,
    name: str | None,
    request_id: str | None,
    version: str | None,
    waiting: bool,
    mine: bool,
    states: tuple[RequestState, ...],
    output: str,
    tracking_uri: str | None,
    registry_uri: str | None,
) -> None:
    """List requests, of all models or of NAME, the latest first; or show one with its evidence, as
    JSON."""
    client = registry_at(tracking_uri, registry_uri)
    if name is not None and request_id is not None:
        show_json(client.get_transition_request(name, request_id))
        return
    if name is None and version is not None:
        raise click.UsageError("--version needs the NAME of the model.")
    asked = every(
        lambda token: client.search_transition_requests(
            name, states=states, waiting_for_me=waiting, mine=mine, page_token=token
        )
    )
    found = [one for one in asked if version is None or one.wish.version == version]
    if output == "json":
        show_json(found)
    else:
        show_table(_REQUESTS, (_row(one) for one in found))


def _deciding(word: str, verb: str, help_: str) -> click.Command:
    @click.command(word, help=help_)
    @_name
    @_request_id
    @_comment
    @registry_where
    def command(
        *,
        name: str,
        request_id: str,
        comment: str | None,
        tracking_uri: str | None,
        registry_uri: str | None,
    ) -> None:
        decide: Callable[..., ApprovalRequest]
        decide = getattr(registry_at(tracking_uri, registry_uri), f"{verb}_transition_request")
        found = decide(name, request_id, comment)
        so_far = f"{len(found.approvers)} of {found.approvals_needed} approved"
        click.echo(f"Request {found.id} is {found.state.lower()} ({so_far}).")

    return command


approve = _deciding("approve", "approve", "Agree to a request; the last approval acts.")
reject = _deciding("reject", "reject", "Reject a request, which ends it.")
cancel = _deciding("cancel", "delete", "Take a request of one's own back.")


@click.command("discuss")
@_name
@_request_id
@click.argument("text")
@registry_where
def discuss(
    *, name: str, request_id: str, text: str, tracking_uri: str | None, registry_uri: str | None
) -> None:
    """Say something of a request without deciding it."""
    registry_at(tracking_uri, registry_uri).comment_transition_request(name, request_id, text)
    click.echo(f"Noted with request {request_id}.")


@click.command()
@_name
@click.option("--stage", metavar="STAGE", help="Of this stage.")
@click.option("--alias", metavar="ALIAS", help="Of this alias.")
@_comment
@registry_where
def rollback(
    *,
    name: str,
    stage: str | None,
    alias: str | None,
    comment: str | None,
    tracking_uri: str | None,
    registry_uri: str | None,
) -> None:
    """Return a stage or alias to what it was before its last change."""
    step = registry_at(tracking_uri, registry_uri).roll_back(
        name, stage, alias=alias, comment=comment
    )
    for one in step.changes:
        what = f"alias '{one.alias}'" if one.alias is not None else f"version {one.version}"
        click.echo(f"{what}: {one.before or 'nothing'} -> {one.after or 'nothing'}")


COMMANDS: Final = (
    policy, request, requests, approve, reject, cancel, discuss, rollback,
)  # fmt: skip


def _policy_row(one: Policy) -> tuple[Any, ...]:
    guards = ", ".join(each.stage or f"@{each.alias}" for each in one.guards)
    expires = None if one.expires_s is None else f"{one.expires_s} s"
    return one.models, guards, one.approvals, one.self_approval, one.rollback, expires


def _row(one: ApprovalRequest) -> tuple[Any, ...]:
    wish = one.wish
    place = wish.stage or f"@{wish.alias}"
    told = f"roll back {place}" if wish.rollback else f"version {wish.version} -> {place}"
    return (
        one.id,
        wish.name,
        told,
        one.state,
        one.user_id,
        f"{len(one.approvers)} of {one.approvals_needed}",
        time_of(one.creation_timestamp),
        time_of(one.expires_ms),
    )
