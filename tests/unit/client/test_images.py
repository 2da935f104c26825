from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from millrace.client import images
from millrace.client.images import Image
from millrace.core.errors import InvalidArgument


def pixels(array: object) -> list[int]:
    """What an array looks like after PNG."""
    made = Pillow.open(io.BytesIO(images.png(images.pillow(array))))
    return np.asarray(made).ravel().tolist()


@pytest.mark.parametrize(
    ("array", "seen"),
    [
        (np.array([[True, False]]), [255, 0]),
        (np.array([[1, 255]]), [1, 255]),
        (np.array([[1, 255]], dtype=np.uint16), [1, 255]),
        (np.array([[0.25, 1.0]], dtype=np.float16), [63, 255]),
        (np.array([[[7]]], dtype=np.uint8), [7]),
        (np.array([[[1, 2, 3]]], dtype=np.uint8), [1, 2, 3]),
        (np.array([[[1, 2, 3, 4]]], dtype=np.uint8), [1, 2, 3, 4]),
        (np.array([[np.nan, 0.5, np.inf, -np.inf]]), [0, 127, 255, 0]),
    ],
)
def test_arrays_become_pixels(array: np.ndarray, seen: list[int]):
    assert pixels(array) == seen


@pytest.mark.parametrize(
    ("array", "seen"),
    [
        ([[0.5, 2.5]], [0, 255]),
        ([[-0.5, 0.5]], [0, 255]),
        ([[5.0, 5.0]], [0, 0]),
        ([[np.nan, 1.0, 3.0]], [0, 0, 255]),
    ],
)
def test_floats_beyond_one_are_scaled_with_a_warning(
    array: list[list[float]], seen: list[int], caplog: pytest.LogCaptureFixture
):
    assert pixels(np.array(array)) == seen
    assert "was scaled" in caplog.text


@pytest.mark.parametrize(
    ("array", "why"),
    [
        (np.array([[-1, 2]]), "from -1 to 2"),
        (np.array([[300, 2]]), "from 2 to 300"),
        (np.zeros((2, 2, 2)), "has 2"),
        (np.zeros((1, 2, 2, 3)), r"\(1, 2, 2, 3\)"),
        (np.zeros(3), r"\(3,\)"),
        (np.zeros((0, 3)), "no pixels"),
        (np.array([["a"]]), "<U1"),
        (np.array([[1j]]), "complex128"),
        ("x.png", "'str' is no image"),
        ([[1, 2]], "'list' is no image"),
    ],
)
def test_what_is_no_image_is_refused(array: object, why: str):
    with pytest.raises(InvalidArgument, match=why):
        images.pillow(array)


def test_names_under_a_key_say_key_step_and_time():
    """As MLflow's client writes them and its pages read them."""
    names = images.keyed("a/dogs v.1", 3, 1700000000000)

    stem = r"images/a~dogs v\.1\+step\+3\+timestamp\+1700000000000\+[0-9a-f-]{36}"
    assert re.fullmatch(stem + r"\.png", names.png)
    assert re.fullmatch(stem + r"\+compressed\.webp", names.thumbnail)
    assert names.png[:-4] == names.thumbnail[: -len("+compressed.webp")]
    assert images.keyed("k", -1, 5).png.startswith("images/k+step+-1+timestamp+5+")


@pytest.mark.parametrize("key", ["", "a#b", "é", "a:b", "a%2fb", "a+b", "a\n"])
def test_a_key_that_a_name_cannot_hold_is_refused(key: str):
    with pytest.raises(InvalidArgument, match="Image key"):
        images.keyed(key, 0, 0)


def test_a_step_is_a_number():
    with pytest.raises(InvalidArgument, match="'first'"):
        images.keyed("k", "first", 0)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F", "YCbCr"])
def test_every_kind_of_pillow_image_is_kept(mode: str):
    found = Pillow.new(mode, (600, 300))

    small = Pillow.open(io.BytesIO(images.thumbnail(found)))
    whole = Pillow.open(io.BytesIO(images.png(found)))

    assert (small.format, small.size) == ("WEBP", (256, 128))
    assert (whole.format, whole.size) == ("PNG", (600, 300))


def test_a_small_image_is_not_enlarged():
    assert Pillow.open(io.BytesIO(images.thumbnail(Pillow.new("L", (2, 3))))).size == (2, 3)


def test_the_format_is_that_of_the_suffix():
    found = Pillow.new("RGB", (2, 2))

    assert images.encoded(found, "a/b.JPG").startswith(b"\xff\xd8")
    with pytest.raises(InvalidArgument, match=r"'\.txt'"):
        images.encoded(found, "x.txt")
    with pytest.raises(InvalidArgument, match="JPEG"):
        images.encoded(Pillow.new("RGBA", (2, 2)), "x.jpg")


def test_the_wrapper_takes_what_its_users_have(tmp_path: Path):
    path = tmp_path / "a.png"
    image = Image(np.array([[1, 2], [3, 4]], dtype=np.uint8))
    image.save(path)

    assert Image(str(path)).to_list() == [[1, 2], [3, 4]]
    assert Image([[1, 2], [3, 4]]).to_array().shape == (2, 2)
    assert Image(image.to_pil()).resize((1, 1)).to_array().shape == (1, 1)
    assert images.is_image(image)
    assert images.is_image(image.to_pil())
    assert not images.is_image(np.zeros((2, 2)))


def test_a_file_that_is_no_image_is_named(tmp_path: Path):
    path = tmp_path / "a.png"
    path.write_text("no")

    with pytest.raises(InvalidArgument, match=r"a\.png holds no image"):
        Image(str(path))
    with pytest.raises(FileNotFoundError):
        Image(str(tmp_path / "gone.png"))


def test_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch):
    body = io.BytesIO(images.png(Pillow.new("L", (100, 100))))
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 10)

    with pytest.raises(InvalidArgument, match="decompression bomb"):
        images.opened(body, called="runs:/x/y.png")
