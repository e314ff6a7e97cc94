"""docs/coverage.md is complete and of today: each row has a test that exists. `make coverage` writes it anew."""

import ast
import re
from functools import cache

import pytest

from tests.support.coverage import SECTIONS, TABLE
from tests.support.installation import ROOT

TEXT = TABLE.read_text()


def rows(title: str) -> dict[str, list[str]]:
    section = TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `(.+?)` \| (.*) \|$", section, re.MULTILINE)
    return {name: re.findall(r"`([^`]+)`", tests) for name, tests in listed}


@cache
def functions_of(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("title", SECTIONS)
def test_each_row_names_a_test_that_exists(title: str) -> None:
    found = rows(title)
    assert list(found) == SECTIONS[title][1], "the surface has changed since the table was written"
    for name, tests in found.items():
        assert tests, f"nobody has seen {name}"
        for test in tests:
            file, _, function = test.partition("::")
            assert (ROOT / file).exists() and function in functions_of(file), f"{test} is gone"
