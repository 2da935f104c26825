"""Saved views: kept, changed by one at a time, one default in each place."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from millrace.core.entities.view import View
from millrace.core.errors import AlreadyExists, Conflict, NotFound
from millrace.stores.protocols import Stores
from tests.contract.build import act, audited


def view(view_id: str, **fields: Any) -> View:
    known = {"experiment_id": "0", "name": view_id, "owner": "ada", "format": 1}
    known |= {"document": '{"columns":[]}', "created_ms": 1, "updated_ms": 1}
    return View(view_id=view_id, **known | fields)


def add(stores: Stores, made: View) -> View:
    return stores.views.put_view(made, seen=None).result()


def test_a_view_is_kept_as_it_is(stores: Stores) -> None:
    made = add(stores, view("v-1", description="π", is_shared=True))

    assert stores.views.view("v-1") == made
    assert stores.views.view("v-2") is None


def test_views_of_an_experiment_come_by_name(stores: Stores) -> None:
    for view_id, name, experiment in [("v-1", "b", "0"), ("v-2", "a", "0"), ("v-3", "c", None)]:
        add(stores, view(view_id, name=name, experiment_id=experiment))

    assert [one.view_id for one in stores.views.views("0")] == ["v-2", "v-1"]
    assert [one.view_id for one in stores.views.views(None)] == ["v-3"]


def test_all_views_with_a_name_come_by_it(stores: Stores) -> None:
    for view_id, name, experiment in [("v-1", "b", "0"), ("v-2", "", "0"), ("v-3", "a", None)]:
        add(stores, view(view_id, name=name, experiment_id=experiment))
    stores.views.put_view(view("v-1", name="", revision=2), seen=1).result()
    stores.views.put_view(view("v-2", name="c", revision=2), seen=1).result()

    assert [one.view_id for one in stores.views.named_views()] == ["v-3", "v-2"]


def test_what_was_changed_meanwhile_is_not_changed(stores: Stores) -> None:
    made = add(stores, view("v-1"))
    stores.views.put_view(replace(made, name="b", revision=2), seen=1).result()

    with pytest.raises(Conflict, match="revision 2"):
        stores.views.put_view(replace(made, name="c", revision=2), seen=1).result()
    with pytest.raises(AlreadyExists):
        add(stores, made)
    with pytest.raises(NotFound):
        stores.views.put_view(view("v-2"), seen=1).result()


def test_there_is_one_default_for_everybody_and_one_for_each(stores: Stores) -> None:
    add(stores, view("v-1", is_default=True, is_shared=True))
    add(stores, view("v-2", is_default=True))
    add(stores, view("v-3", is_default=True, owner="grace"))
    add(stores, view("v-4", is_default=True, is_shared=True, owner="grace"))
    add(stores, view("v-5", is_default=True, is_shared=True, experiment_id=None))

    assert [one.view_id for one in stores.views.views("0") if one.is_default] == [
        "v-2",
        "v-3",
        "v-4",
    ]


def test_a_deleted_view_is_gone(stores: Stores) -> None:
    add(stores, view("v-1"))
    stores.views.delete_view("v-1").result()

    assert stores.views.view("v-1") is None
    with pytest.raises(NotFound):
        stores.views.delete_view("v-1").result()


def test_changes_of_views_are_audited(stores: Stores) -> None:
    stores.views.put_view(view("v-1"), seen=None, trail=act("view.create")).result()
    stores.views.delete_view("v-1", trail=act("view.delete")).result()

    assert [one.action for one in audited(stores, kind="view")] == ["view.create", "view.delete"]


def test_views_without_a_name_go_when_nobody_has_written_them_for_long(stores: Stores) -> None:
    for view_id, name, at_ms in [("v-1", "", 5), ("v-2", "", 9), ("v-3", "kept", 5)]:
        add(stores, view(view_id, name=name, updated_ms=at_ms))

    assert stores.views.forget_unnamed(9).result() == 1
    assert stores.views.forget_unnamed(9).result() == 0

    found = {view_id: stores.views.view(view_id) for view_id in ("v-1", "v-2", "v-3")}
    assert [view_id for view_id, held in found.items() if held] == ["v-2", "v-3"]
