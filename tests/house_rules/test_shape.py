"""Files, functions and docstrings keep the shape that docs/architecture.md promises."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house_rules.tree import ROOT, modules, parsed, place

LINES_OF_A_FILE, LINES_OF_A_FUNCTION = 500, 70


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_no_file_is_too_long_to_read() -> None:
    long = {place(path): len(path.read_text().splitlines()) for path in modules("callcenter")}
    assert not {name: lines for name, lines in long.items() if lines > LINES_OF_A_FILE}


def test_no_function_is_too_long_to_see_at_once() -> None:
    long = [
        f"{place(path, node)} {node.name} has {(node.end_lineno or 0) - node.lineno + 1} lines"
        for path in modules("callcenter")
        for node in _functions(path)
        if (node.end_lineno or 0) - node.lineno >= LINES_OF_A_FUNCTION
    ]
    assert not long


def test_every_public_name_says_what_it_is() -> None:
    silent = []
    for path in modules("callcenter"):
        tree = parsed(path)
        if path.name != "__init__.py" and ast.get_docstring(tree) is None:
            silent.append(place(path))
        bodies = [tree.body, *(node.body for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_"))]
        for node in (node for body in bodies for node in body):
            named = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if named and not node.name.startswith("_") and ast.get_docstring(node) is None and not _overloads(node):
                silent.append(f"{place(path, node)} {node.name}")
    assert not silent


def _overloads(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    names = {getattr(mark, "attr", getattr(mark, "id", "")) for mark in node.decorator_list}
    return bool(names & {"overload", "setter"})


def test_no_cancellation_is_lost() -> None:
    """``asyncio.wait_for`` of Python 3.11 drops one that comes in the turn in which the wait ends; ``asyncio.timeout`` does not."""
    waits = [
        place(path, node)
        for path in modules("callcenter")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and node.attr == "wait_for" and isinstance(node.value, ast.Name) and node.value.id == "asyncio"
    ]
    assert not waits


def test_sql_stands_in_store_files_only() -> None:
    verbs = ("select ", "insert into ", "update ", "delete from ")
    strays = []
    for path in modules("callcenter"):
        if path.name == "store.py" or path.name.endswith("_store.py") or path.relative_to(ROOT).parts[1] in ("database", "embedded"):
            continue
        for node in ast.walk(parsed(path)):
            text = node.value.strip().lower() if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
            sentence = text.startswith(verbs) and any(word in text for word in (" from ", " set ", " values", " where "))
            if sentence and "$1" in text + "$1" * (" from " in text and "\n" in text):
                strays.append(place(path, node))
    assert not strays
