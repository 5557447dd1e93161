"""What a file run is asked to do."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from models.console import tr, usage_error
from models.tables import OUTPUT_FORMATS, Dialect, Source, output_format, output_format_of


@dataclass(frozen=True)
class BatchSettings:
    """What a file run is asked to do, as `sentiment-tui classify --help` explains its options.

    Attributes:
        source: the input.
        output: where the records go with their answers; None is standard output, to which no run
            can be resumed.
        dialect: what is known of the input; the rest is found out.
        output_format: one of `OUTPUT_FORMATS`; None takes it from the output's name, or else from
            the input.
        text_column: None takes the one with a known name, or the only one of a table without a
            header.
        label_column: column of true labels, to score the answers by.
        label_map: what its values stand for, as `models.label_map.parse_label_map` reads it.
        select: input columns to keep, in this order; all of them where it is empty.
        prefix: put before the names of the answer's columns.
        probabilities: add a column for each label.
        windows: read texts longer than the model's max length whole, not only their beginning.
        excel: write CSV that Excel opens as it should; None: a byte order mark where the input is
            of Excel.
        label_everything: label texts that hold no opinion, too.
        review: which answers are to be looked at: a share of the file, as "10%", or those less sure
            than a confidence, as "0.9"; None leaves it to the model.
        no_opinion: texts that hold none, beside those that `tui.batch.opinion` knows.
        force: replace the output if it exists.
        uri: address of the object that the source is a copy of.
        keep: keep the answers when the output is there, a copy of an object that is not sent yet.
    """

    source: Source
    output: Path | None = None
    dialect: Dialect = field(default_factory=Dialect)
    output_format: str | None = None
    text_column: str | None = None
    label_column: str | None = None
    label_map: str | None = None
    select: tuple[str, ...] = ()
    prefix: str = ""
    probabilities: bool = False
    windows: bool = False
    excel: bool | None = None
    label_everything: bool = False
    review: str | None = None
    no_opinion: tuple[str, ...] = ()
    force: bool = False
    uri: str | None = None
    keep: bool = False

    @property
    def resumable(self) -> bool:
        """Whether an interrupted run can go on: it leads from a file into a file."""
        return isinstance(self.source, Path) and self.output is not None

    @property
    def review_limit(self) -> tuple[float | None, float | None]:
        """The share and the confidence that `review` names; at least one is None.

        Raises:
            UserError: USAGE, it is neither, or a share of what only the end of a pipe tells.
        """
        if self.review is None:
            return None, None
        number = self.review.rstrip("%％")
        is_share = number != self.review
        try:
            limit = float(number) / (100 if is_share else 1)
        except ValueError:
            limit = -1.0
        if not 0 <= limit <= 1:
            raise usage_error(
                "--review: expected a share of the records, as 10%, or a confidence, as 0.9; "
                "found {found}",
                found=self.review,
            )
        if is_share and not self.resumable:
            raise usage_error(
                "--review {share} goes from a file to an --output: which records these are shows "
                "at the end; or name a confidence, as 0.9",
                share=self.review,
            )
        return (limit, None) if is_share else (None, limit)

    def check(self) -> None:
        """Check what is said of any input, before the first of them is read.

        Raises:
            UserError: USAGE, as `review_limit` and `format_from`.
        """
        _ = self.review_limit
        if self.output_format is not None:
            self.format_from(self.output_format)

    @property
    def named_format(self) -> str | None:
        """The output format that was named, or that the name of the output tells."""
        if self.output_format is None and self.output is not None:
            return output_format_of(self.output)
        return self.output_format

    def format_from(self, format: str) -> str:
        """Return the output format for an input format.

        Raises:
            UserError: USAGE, the output's name tells none, or one that is not for these settings.
        """
        known = self.named_format
        if self.output is None:
            known = known or output_format(format)
        if known not in OUTPUT_FORMATS:
            raise usage_error(
                "the answer has columns, and {name} names no format that has; say --to {formats}",
                name=self.output or tr("a TXT input"),
                formats="|".join(OUTPUT_FORMATS),
            )
        if self.excel and known != "csv":
            raise usage_error("--excel is for CSV; this output is {format}", format=known)
        return known

    def dialect_of(self, format: str) -> Dialect:
        """Return what was said of an input in this format, and is of use."""
        said = self.dialect.fitting(format)
        if self.dialect.quoting == "double" and self.named_format == "tsv":
            return replace(said, quoting="double")  # which is also said of the TSV to write
        return said
