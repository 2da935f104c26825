"""Saved views: requests, replies, endpoints."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from millrace.api.endpoint import MIB, Endpoint, Id, Needs, Nothing, Reply, Request, Results, reads
from millrace.api.endpoint import SignedIn as _SignedIn
from millrace.core.entities.access import Permission
from millrace.core.entities.view import View

# Whoever is known may keep views; the service sees to it that each changes his own or shared ones.
_OWN: Final = Needs(Permission.EDIT, _SignedIn())
Format = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]


class CreateView(Request, frozen=True, kw_only=True):
    """`document` is a JSON object as text, `format` the version of its form, both the caller's.
    Without a name the view only stands for a long address: the same content is the same view, which
    is dropped when nobody has asked for it for 90 days. A default takes that place from the
    one before: for everybody if it is shared, for the owner if not."""

    experiment_id: Id | None = None
    name: str = ""
    description: str = ""
    is_shared: bool = False
    is_default: bool = False
    format: Format
    document: str


class ViewAt(Request, frozen=True, kw_only=True):
    view_id: Id


class UpdateView(Request, frozen=True, kw_only=True):
    """What is absent stays. `seen_revision`: refuse (409) when the view was changed since."""

    view_id: Id
    seen_revision: Format | None = None
    name: str | None = None
    description: str | None = None
    is_shared: bool | None = None
    is_default: bool | None = None
    format: Format | None = None
    document: str | None = None


class SearchViews(Request, frozen=True, kw_only=True):
    """Views of an experiment, or those of none, by name; those without a name are left out.
    `everywhere`: of all experiments, without their documents; `experiment_id` is not looked at."""

    experiment_id: Id | None = None
    everywhere: bool = False


class ViewReply(Reply, frozen=True, kw_only=True):
    view: View


class ViewsReply(Reply, frozen=True, kw_only=True):
    views: tuple[View, ...] = ()


ROWS: Final[tuple[Endpoint, ...]] = (  # type: ignore[type-arg]  # rows of many types, told apart by name
    Endpoint(
        name="createView",
        group="Views",
        method="POST",
        path="/millrace/views",
        versions=("3.0",),
        request=CreateView,
        response=ViewReply,
        needs=_OWN,
        body_limit=MIB,
        summary="Save a view of a page.",
    ),
    Endpoint(
        name="searchViews",
        group="Views",
        method="GET",
        path="/millrace/views",
        versions=("3.0",),
        request=SearchViews,
        response=ViewsReply,
        needs=reads(Results("views")),
        summary="List the views that are shared, or the caller's own.",
    ),
    Endpoint(
        name="getView",
        group="Views",
        method="GET",
        path="/millrace/views/{view_id}",
        versions=("3.0",),
        request=ViewAt,
        response=ViewReply,
        needs=reads(Results("views")),
        summary="Get a view by its id.",
    ),
    Endpoint(
        name="updateView",
        group="Views",
        method="PATCH",
        path="/millrace/views/{view_id}",
        versions=("3.0",),
        request=UpdateView,
        response=ViewReply,
        needs=_OWN,
        body_limit=MIB,
        summary="Change a view.",
    ),
    Endpoint(
        name="deleteView",
        group="Views",
        method="DELETE",
        path="/millrace/views/{view_id}",
        versions=("3.0",),
        request=ViewAt,
        response=Nothing,
        needs=_OWN,
        summary="Delete a view.",
    ),
)
