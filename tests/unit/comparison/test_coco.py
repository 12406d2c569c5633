from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quantkit.comparison.coco import read
from quantkit.core.errors import DataError

IMAGE = {"id": 1, "file_name": "a.jpg", "width": 10, "height": 10}
THING = {"id": 1, "image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4.5], "iscrowd": 1}


def document(**changes: Any) -> dict[str, Any]:
    return {"images": [IMAGE], "annotations": [THING], "categories": [{"id": 2}], **changes}


def test_objects_are_read_with_their_image(tmp_path: Path) -> None:
    path = tmp_path / "objects.json"
    path.write_text(json.dumps(document()))
    known = read(path)
    image = known.images.get("val/a.jpg")
    assert image is not None
    assert known.categories == (2,)
    assert [(own.category, own.box, own.crowd) for own in image.objects] == [(2, (1.0, 2.0, 3.0, 4.5), True)]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (document(annotations=[{**THING, "category_id": 3}]), "object 1 is of no category or on no image of the file"),
        (document(annotations=[{**THING, "image_id": 3}]), "object 1 is of no category or on no image of the file"),
        (document(annotations=[{**THING, "bbox": [1, 2, -3, 4]}]), "bbox [1, 2, -3, 4] is no box"),
        (document(annotations=[{**THING, "bbox": [1, 2, 3]}]), "not enough values to unpack (expected 4, got 3)"),
        (document(images=[{**IMAGE, "width": 0}]), "image 1 is 0 × 10"),
        (document(images=[], annotations=[]), "it lists no image or no category"),
        (document(images=[IMAGE, {**IMAGE, "id": 2}]), "two images have one file_name"),
        ([], "list indices must be integers"),
        ({"images": []}, "KeyError: 'categories'"),
    ],
    ids=["category", "image", "negative", "three numbers", "no width", "empty", "twice", "a list", "no categories"],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, content: Any, cause: str) -> None:
    path = tmp_path / "objects.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match="as ground truth") as refusal:
        read(path)
    assert refusal.value.code == "QK2284"
    assert cause in str(refusal.value.cause)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(key=st.sampled_from(["images", "annotations", "categories"]), value=JSON)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_document_is_a_defect(tmp_path: Path, key: str, value: Any) -> None:
    path = tmp_path / "objects.json"
    path.write_text(json.dumps(document(**{key: [value]})))
    with contextlib.suppress(DataError):
        read(path)
