"""A file is written whole or not at all; JSON is UTF-8 whatever the strings hold."""

import json
from pathlib import Path

import pytest

from models.files import draft_of, file_digest, json_bytes


def test_a_draft_takes_the_place_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "state.json"
    for content in (b"old", b"new"):
        with draft_of(path) as draft:
            draft.write_bytes(content)
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_a_draft_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="half way"), draft_of(path) as draft:
        draft.write_bytes(b"half")
        raise RuntimeError("half way")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_is_one_line_of_utf_8_whatever_the_strings_hold() -> None:
    line = json_bytes({"文本": "好\udcff\n"})
    assert line == b'{"\xe6\x96\x87\xe6\x9c\xac": "\xe5\xa5\xbd\\udcff\\n"}\n'
    assert json.loads(line) == {"文本": "好\udcff\n"}


def test_the_digest_of_a_file_is_its_sha_256(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert file_digest(tmp_path / "abc").startswith("ba7816bf8f01cfea")
