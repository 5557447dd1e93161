"""Draws a report: an HTML page that loads nothing, or Markdown. Texts stay text in both."""

import re
from typing import Any

from models.console import display, language, tr
from tui.batch.findings.report.content import Report

_MARKDOWN = re.compile(r"[\\`*_{}\[\]#|~$]")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def draw(report: Report, kind: str) -> str:
    """Return the report as HTML or Markdown, by its `kind`: "html" or "md"."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(__package__, ""),
        autoescape=True,
        finalize={"html": _in_html, "md": _in_markdown}[kind],
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(count="{:,}".format, percent="{:.1%}".format)
    environment.globals.update(tr=tr, language=language)
    return environment.get_template(f"report.{kind}.jinja").render(report=report)


def _in_html(value: Any) -> Any:
    """Make control characters visible; markup of the template, which is a string too, has none."""
    return display(value, keep="\n") if type(value) is str else value


def _in_markdown(value: Any) -> Any:
    """Return a text on one line, in which nothing is Markdown or HTML."""
    from markupsafe import Markup

    if type(value) is not str:
        return value
    line = display(" ".join(value.split())).translate(_ENTITIES)
    return Markup(_MARKDOWN.sub(r"\\\g<0>", line))  # noqa: S704 - just escaped
