"""Every string of pages and code that people read."""

from __future__ import annotations

from collections.abc import Iterator

from babel.messages.extract import extract_from_dir

from tests.house_rules.tree import ROOT


def marked() -> Iterator[str]:
    """Every string marked for translation."""
    keywords = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
    for folder, method in ((ROOT / "web" / "templates", "jinja2"), (ROOT / "callcenter" / "console", "python")):
        options = {"**": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}} if method == "jinja2" else {}
        suffix = "**.html" if method == "jinja2" else "**.py"
        for _, _, message, _, _ in extract_from_dir(folder, [(suffix, method)], {suffix: options.get("**", {})}, keywords=keywords):
            yield from (message,) if isinstance(message, str) else message
