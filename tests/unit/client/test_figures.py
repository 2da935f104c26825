from __future__ import annotations

import json

import pytest
from matplotlib.figure import Figure
from plotly import graph_objects

from millrace.client import figures
from millrace.core.errors import InvalidArgument, MissingExtra


@pytest.fixture
def drawing() -> Figure:
    figure = Figure(figsize=(1, 1))
    figure.subplots().plot([0, 1])
    return figure


@pytest.fixture
def plot() -> graph_objects.Figure:
    return graph_objects.Figure(graph_objects.Scatter(x=[0, 1], y=[2, 3]))


@pytest.mark.parametrize(
    ("name", "start"), [("a.png", b"\x89PNG"), ("a/b.pdf", b"%PDF"), ("a.svg", b"<?xml")]
)
def test_matplotlib_draws_what_the_suffix_says(drawing: Figure, name: str, start: bytes):
    assert figures.rendered(drawing, name, {}).startswith(start)


def test_options_go_to_the_library(drawing: Figure, plot: graph_objects.Figure):
    small, large = (figures.rendered(drawing, "a.png", {"dpi": dpi}) for dpi in (10, 200))
    alone = figures.rendered(plot, "a.html", {"include_plotlyjs": True})

    assert len(small) < len(large)
    assert len(alone) > 1_000_000 > len(figures.rendered(plot, "a.html", {}))


def test_plotly_as_a_page_and_as_data(plot: graph_objects.Figure):
    assert b"<html>" in figures.rendered(plot, "a.HTML", {})
    assert json.loads(figures.rendered(plot, "a.json", {}))["data"][0]["y"] == [2, 3]


def test_what_cannot_be_drawn_is_named(drawing: Figure, plot: graph_objects.Figure):
    with pytest.raises(InvalidArgument, match=r"Try figure\.png"):
        figures.rendered(drawing, "figure", {})
    with pytest.raises(InvalidArgument, match=r"'a\.docx' cannot be drawn"):
        figures.rendered(drawing, "a.docx", {})
    with pytest.raises(InvalidArgument, match=r"'a\.docx': Plotly writes"):
        figures.rendered(plot, "a.docx", {})
    with pytest.raises(InvalidArgument, match="'str' is no figure"):
        figures.rendered("x", "a.png", {})


def test_a_missing_library_is_named(plot: graph_objects.Figure):
    """Kaleido is not among what we install."""
    with pytest.raises(MissingExtra, match="kaleido"):
        figures.rendered(plot, "a.png", {})
