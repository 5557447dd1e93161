import json
from dataclasses import replace

import pytest

from models.manifest import PREFIX, Manifest, ManifestError
from models.review import NO_LEVELS, Level
from tests.tiny import MANIFEST


def levels(first: object, look: object, wrong: object = 1) -> str:
    return json.dumps(
        [
            {"below": first, "rows": 3, "wrong": wrong},
            {"below": look, "rows": 3, "wrong": 1},
            {"below": 1.0, "rows": 3, "wrong": 1},
        ]
    )


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
        ({"review": "[]"}, "sentiment_tui.review is damaged"),
        ({"review": "3"}, "sentiment_tui.review is damaged"),
        ({"review": levels(0.5, "high")}, "sentiment_tui.review is damaged"),
        ({"review": levels(0.5, 1.5)}, "sentiment_tui.review is damaged"),
        ({"review": levels(0.5, float("nan"))}, "sentiment_tui.review is damaged"),
        ({"review": levels(0.9, 0.5)}, "sentiment_tui.review is damaged"),
        ({"review": levels(0.5, 0.9, wrong=4)}, "sentiment_tui.review is damaged"),
        ({"review": levels(0.5, 0.9, wrong="few")}, "sentiment_tui.review is damaged"),
        ({"review": None, "uncertain_below": "1.5"}, "sentiment_tui.review is damaged"),
        ({"review": None, "uncertain_below": '"high"'}, "sentiment_tui.review is damaged"),
        ({"review": None, "uncertain_below": "{"}, "sentiment_tui.review is damaged"),
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


def test_a_file_from_before_there_were_levels_has_its_one_limit_and_no_rate() -> None:
    metadata = MANIFEST.to_metadata()
    metadata[PREFIX + "uncertain_below"] = "0.93"
    del metadata[PREFIX + "review"]
    levels = (Level(0), Level(0.93), Level(1))
    assert Manifest.from_metadata(metadata) == replace(MANIFEST, review=levels)


def test_a_file_from_before_there_was_a_limit_has_nothing_to_look_at() -> None:
    metadata = MANIFEST.to_metadata()
    del metadata[PREFIX + "review"]
    assert Manifest.from_metadata(metadata) == replace(MANIFEST, review=NO_LEVELS)


def test_labels_are_written_as_people_read_them() -> None:
    labels = MANIFEST.to_metadata()[PREFIX + "labels"]
    assert labels == json.dumps(["负向评价", "正向评价"], ensure_ascii=False)
    assert replace(MANIFEST, labels=("a", "b")).to_metadata()[PREFIX + "labels"] == '["a", "b"]'
