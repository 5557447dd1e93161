"""How far an answer can be relied on, for files and for people; imports no numpy."""

from enum import IntEnum

from models.console import tr
from models.review import Level


class Status(IntEnum):
    """How far an answer can be relied on; the number is what arrays of statuses hold."""

    OK = 0
    LOOK = 1  # less sure than most answers
    LOOK_FIRST = 2  # of the least sure, where half of the errors are
    TRUNCATED = 3  # only the beginning of the text was read, however sure
    EMPTY = 4  # no answer, for want of a text
    NO_OPINION = 5  # no answer, for a text that a shop filled in, or marks or a link alone

    @property
    def word(self) -> str:
        """The status as files have it."""
        return self.name.lower().replace("_", " ")

    @property
    def title(self) -> str:
        """The status as people read it."""
        titles = (
            tr("ok"),
            tr("look"),
            tr("look first"),
            tr("truncated"),
            tr("empty"),
            tr("no opinion"),
        )
        return titles[self]


WORDS = (*[status.word for status in Status], "uncertain")
"""The statuses as files have them; the last, of files from before there were levels, is LOOK."""

BY_LEVEL = (Status.LOOK_FIRST, Status.LOOK, Status.OK)
"""Status of an answer by its place among `models.review.Levels`."""

TO_REVIEW = BY_LEVEL[:2]


def measured(level: Level) -> str:
    """Return a sentence on how often such answers were wrong, where some were counted."""
    return tr(
        "{rate} of such answers were wrong in validation ({wrong:,} of {rows:,})",
        rate=f"{level.wrong / level.rows:.0%}",
        wrong=level.wrong,
        rows=level.rows,
    )
