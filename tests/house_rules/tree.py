"""What of the project's tree the house rules look at."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SKIPPED = {"var", "node_modules", ".git", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "vendor"}
_TEXT = {
    ".py", ".sql", ".md", ".j2", ".conf", ".toml", ".html", ".css", ".js", ".sh", ".lua", ".xml", ".txt", ".yml", ".yaml", ".json",
    ".po", ".lock", ".cfg", "",
}  # fmt: skip


def files() -> Iterator[Path]:
    """Every text file of ours."""
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT).parts
        if path.is_file() and not _SKIPPED & set(inside) and path.suffix in _TEXT:
            yield path


def modules(folder: str) -> Iterator[Path]:
    """The Python modules under a folder of the project."""
    yield from (path for path in files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] == folder)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def place(path: Path, node: ast.AST | None = None) -> str:
    """Where it is, to click on."""
    line = f":{node.lineno}" if isinstance(node, ast.stmt | ast.expr) else ""
    return f"{path.relative_to(ROOT)}{line}"
