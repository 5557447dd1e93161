"""Names that may be those of a file, or of a thing on the hub."""

import pytest

from models import hub
from models.console import ExitCode, UserError


@pytest.mark.parametrize(
    ("name", "is_path"),
    [
        ("google-bert/bert-base-chinese", False),
        ("bert-base-chinese", False),
        ("数据/评论.xlsx", True),
        ("my data/reviews.xlsx", True),
        ("a/b/c", True),
        ("./model", True),
    ],
)
def test_what_no_id_has_is_the_name_of_a_file(name: str, is_path: bool) -> None:
    assert hub.is_path(name) == is_path


def test_a_hub_without_a_scheme_is_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "hf-mirror.com")
    with pytest.raises(UserError, match=r"HF_ENDPOINT: expected an address .* hf-mirror") as caught:
        hub.ask("models", "a/b")
    assert caught.value.code == ExitCode.USAGE
