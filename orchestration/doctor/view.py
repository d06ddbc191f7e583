"""The findings for a terminal, readable also in a narrow one."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from orchestration.doctor.finding import Finding

STYLES = {"ok": "green", "warning": "bold yellow", "problem": "bold red"}


def findings_table(findings: list[Finding]) -> Table:
    """Status on the left; name, what was found and what to do on the right."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        text = Text.assemble((finding.name, "bold"), f": {finding.found}")
        if finding.advice is not None:
            text.append(f"\n→ {finding.advice}")
        table.add_row(Text(finding.status, STYLES[finding.status]), text)
    return table


def summary(document: dict[str, int]) -> str:
    """The last line."""
    parts = [
        f"{count} {kind}{'s' * (count > 1)}"
        for kind, count in (("problem", document["problems"]), ("warning", document["warnings"]))
        if count
    ]
    return ", ".join(parts) or "all is well"
