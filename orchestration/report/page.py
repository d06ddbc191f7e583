"""The report as one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from orchestration.report.content import Content

TEMPLATES = Path(__file__).with_name("templates")


def html_of(content: Content) -> str:
    """The page; whatever a person has named is text in it, never markup.

    Args:
        content: of the report.
    """
    return _template().render(
        content=content,
        # Files of this package.
        style=Markup((TEMPLATES / "report.css").read_text()),  # noqa: S704
        script=Markup((TEMPLATES / "report.js").read_text()),  # noqa: S704
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["rows"] = _rows
    environment.globals["zip"] = zip
    return environment.get_template("report.html")


def _rows(columns: Iterable[Sequence[Any]]) -> list[tuple[Any, ...]]:
    return list(zip(*columns, strict=True))
