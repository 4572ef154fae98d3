"""The tree holds nothing of one machine, no secret, and its front page names the commands."""

from __future__ import annotations

import re
import subprocess

from tests.house_rules.tree import ROOT, files, place

_OF_ONE_MACHINE = re.compile(
    r"/(?:work|root|home/\w+|Users/\w+)/\w|/tmp/(?:explore|contracts)\b|\blocalhost:\d{4,5}/(?:simple|repository|pypi|npm)"
)
_REGISTRY = re.compile(
    r"(?:index-url|extra-index-url|registry|\"resolved\")\s*[=:]\s*\"?(?!https://(?:pypi\.org|registry\.npmjs\.org))http\S+"
)
_SECRET = re.compile(r"-----BEGIN (?:RSA |EC )?PRIVATE KEY-----")


def _tracked() -> set[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    return set(listed.stdout.split("\0"))


def test_nothing_names_a_place_of_one_machine() -> None:
    tracked = _tracked()
    found = [
        f"{place(path)}:{number} {match.group(0)}"
        for path in files()
        if str(path.relative_to(ROOT)) in tracked and path.name != "test_tree.py"
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if (match := _OF_ONE_MACHINE.search(line) or _REGISTRY.search(line))
    ]
    assert not found


def test_no_secret_is_in_the_tree() -> None:
    assert not [place(path) for path in files() if path.name != "test_tree.py" and _SECRET.search(path.read_text(errors="replace"))]


def test_nothing_that_is_made_is_tracked() -> None:
    assert not [name for name in _tracked() if name.startswith(("var/", "node_modules/")) or name.endswith((".pyc", ".mo"))]


def test_the_front_page_names_the_commands() -> None:
    page = (ROOT / "README.md").read_text()
    assert "make run" in page and "make test" in page
