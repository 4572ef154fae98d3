"""The page on flows tells the truth: its example runs, and every node and parameter is on it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args

from callcenter.ivr.check import check_flow
from callcenter.ivr.flow import AnyNode

PAGE = (Path(__file__).parents[2] / "docs/ivr.md").read_text()


def test_the_example_is_accepted() -> None:
    example = re.search(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert example and check_flow(json.loads(example[1])).name == "service"


def test_every_node_and_parameter_is_described() -> None:
    headings = " ".join(re.findall(r"^### (.*)$", PAGE, re.MULTILINE)).replace(",", "").split()
    for node in get_args(get_args(AnyNode)[0]):
        kind = get_args(node.model_fields["type"].annotation)[0]
        assert kind in headings
        missing = [name for name in node.model_fields if name != "type" and not re.search(rf"\b{name}\b", PAGE)]
        assert not missing, (kind, missing)
