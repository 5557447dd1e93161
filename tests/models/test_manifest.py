import json
from dataclasses import replace

import pytest

from models.manifest import PREFIX, Manifest, ManifestError
from tests.tiny import MANIFEST


def test_what_is_written_is_read() -> None:
    assert Manifest.from_metadata(MANIFEST.to_metadata()) == MANIFEST


def test_every_key_is_ours_and_in_order() -> None:
    keys = list(MANIFEST.to_metadata())
    assert all(key.startswith(PREFIX) for key in keys)
    assert keys == sorted(keys)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": None}, "no metadata of this program"),
        ({"format": "2"}, "its format is 2"),
        ({"tokenizer": None}, "lacks sentiment_tui.tokenizer"),
        ({"labels": "{"}, "sentiment_tui.labels is damaged"),
        ({"labels": '"ab"'}, "not a list of names"),
        ({"labels": '["a", "a"]'}, "two or more different labels"),
        ({"max_length": '"long"'}, "not a number of tokens"),
        ({"uncertain_below": "1.5"}, "not a confidence"),
        ({"uncertain_below": "NaN"}, "not a confidence"),
        ({"uncertain_below": '"high"'}, "not a confidence"),
    ],
)
def test_metadata_that_is_not_ours_is_refused_by_name(
    changed: dict[str, str | None], message: str
) -> None:
    metadata = MANIFEST.to_metadata()
    for key, value in changed.items():
        if value is None:
            del metadata[PREFIX + key]
        else:
            metadata[PREFIX + key] = value
    with pytest.raises(ManifestError, match=message):
        Manifest.from_metadata(metadata)


def test_a_file_from_before_there_was_a_threshold_calls_nothing_uncertain() -> None:
    metadata = MANIFEST.to_metadata()
    del metadata[PREFIX + "uncertain_below"]
    assert Manifest.from_metadata(metadata) == replace(MANIFEST, uncertain_below=0.0)


def test_labels_are_written_as_people_read_them() -> None:
    labels = MANIFEST.to_metadata()[PREFIX + "labels"]
    assert labels == json.dumps(["负向评价", "正向评价"], ensure_ascii=False)
    assert replace(MANIFEST, labels=("a", "b")).to_metadata()[PREFIX + "labels"] == '["a", "b"]'
