"""Personal values stand in logs only under keys with a ``pii`` part, and log sentences are fixed."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house_rules.tree import modules, parsed, place

LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
PERSONAL = {"caller", "caller_name", "callee", "dialled", "digits", "name", "number", "phone", "password", "pin", "token", "secret"}
"""Words that name what is somebody's. As a log key, or as the last part of what a log value is read from, each needs ``pii``."""
OURS = {
    "queue",
    "flow",
    "trunk",
    "node",
    "agent",
    "task",
    "event",
    "file",
    "module",
    "part",
    "step",
    "prompt",
    "process",
    "child",
    "channel",
}
"""Things whose ``name`` or ``number`` is the centre's own: ``queue=queue.name`` is nobody's secret."""


def _log_calls() -> Iterator[tuple[str, ast.Call]]:
    for path in modules("callcenter"):
        for node in ast.walk(parsed(path)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in LEVELS
                and _is_log(node.func.value)
            ):
                yield place(path, node), node


def _is_log(node: ast.expr) -> bool:
    name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
    return name in ("log", "_log", "logger", "_logger")


def test_there_are_logs_to_look_at() -> None:
    assert len(list(_log_calls())) >= 2


def test_every_log_sentence_is_fixed() -> None:
    loose = [where for where, call in _log_calls() if not call.args or not isinstance(call.args[0], ast.Constant) or len(call.args) > 1]
    assert not loose


def test_personal_values_stand_under_pii_keys() -> None:
    open_ = [
        f"{where} {word.arg}"
        for where, call in _log_calls()
        for word in call.keywords
        if word.arg and "pii" not in word.arg.split("_") and (word.arg in PERSONAL or _is_personal(word.arg, word.value))
    ]
    assert not open_


def _is_personal(key: str, value: ast.expr) -> bool:
    if key in OURS:
        return False
    last = value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else ""
    return last in PERSONAL - {"name", "number"}
