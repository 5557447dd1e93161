"""What the user writes in `config.toml`: keys of the app, and texts that hold no opinion."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from models.console import config_error


@dataclass(frozen=True)
class Config:
    """The content of `config.toml`; without the file, everything is as at first.

    Attributes:
        keys: name of an action of the app → its keys, between commas.
        no_opinion: texts that are answered like those of `tui.batch.opinion`.
    """

    keys: Mapping[str, Any] = field(default_factory=dict)
    no_opinion: tuple[str, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read the file, if it is there.

        Raises:
            UserError: CONFIG, it is not TOML, or holds something else.
        """
        if not path.is_file():
            return cls()
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise config_error("{path} is not TOML: {reason}", path=path, reason=error) from error
        keys = found.pop("keys", {})
        texts = found.pop("no_opinion", [])
        well_formed = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
        if found or not well_formed or not isinstance(keys, dict):
            raise config_error(
                "{path}: expected a list no_opinion of texts and a table [keys], found {unknown}",
                path=path,
                unknown=[*found] or "no_opinion, keys",
            )
        return cls(keys, tuple(texts))

    @classmethod
    def of_user(cls) -> Self:
        """Read the file of this user."""
        from platformdirs import user_config_path

        return cls.load(user_config_path("sentiment-tui", appauthor=False) / "config.toml")
