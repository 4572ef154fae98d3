"""docs/reports.md lists exactly the formulas that there are, as they are."""

from __future__ import annotations

from pathlib import Path

from callcenter.basics.vocabulary import Language
from callcenter.reports.service_level import FORMULAS

PAGE = Path(__file__).parents[2] / "docs" / "reports.md"
BEGIN, END = "<!-- formulas -->\n", "<!-- /formulas -->"


def table() -> str:
    """The formulas as the page has them."""
    rows = ["| name | | formula | unit | of | source |", "|---|---|---|---|---|---|"]
    rows += [
        f"| `{f.name}` | {f.title[Language.EN]} | {f.text[Language.EN]} | {f.unit} | {', '.join(sorted(f.of))} | {f.source} |"
        for f in FORMULAS.values()
    ]
    return "\n".join(rows) + "\n"


def test_the_table_of_formulas_is_the_codes() -> None:
    told = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    assert told == table(), f"put this into docs/reports.md:\n{table()}"
