"""The Python, the links and the tables of the pages are correct."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_s3 as s3

from cdk_kinesis_video import ImageGeneration, VideoStream
from kinesis_video_doctor import CHECK_NAMES

from .conftest import ROOT

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
SNIPPETS = [
    pytest.param(code, id=f"{page.relative_to(ROOT)}-{number}")
    for page in PAGES
    for number, code in enumerate(re.findall(r"^```python\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE))
]


@pytest.mark.parametrize("code", SNIPPETS)
def test_a_snippet_runs_and_synthesises(code: str) -> None:
    stack = Stack(App(), "Example")
    names = {"stack": stack, "bucket": s3.Bucket(stack, "GivenBucket")}
    exec(compile(code, "snippet", "exec"), names)
    root = names["stack"].node.root
    assert isinstance(root, App)
    assert root.synth().stacks[0].template["Resources"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_line_of_code_is_wider_than_the_site_shows(page: Path) -> None:
    # Blocks of directives are not shown as code.
    blocks = re.findall(r"^```(?!\{)[^\n]*\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    assert [line for block in blocks for line in block.splitlines() if len(line) > 84] == []


@pytest.mark.parametrize(
    "page", [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "examples" / "README.md"], ids=lambda p: p.name
)
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", [*PAGES, ROOT / "CONTRIBUTING.md"], ids=lambda p: p.name)
def test_every_test_that_a_page_names_is_there(page: Path) -> None:
    for path, name in re.findall(r"`((?:\w+/)*test_\w+\.py)(?:::(test_\w+))?`", page.read_text()):
        *_, own = path.rpartition("tests/")
        files = [file for folder in ("tests", "local_aws/tests") for file in ROOT.joinpath(folder).rglob(own)]
        assert any(f"def {name}" in file.read_text() for file in files), path


def test_the_page_about_missing_images_names_every_check() -> None:
    page = ROOT.joinpath("docs", "no-images.md").read_text()
    assert [check for check in CHECK_NAMES if f"`{check}`" not in page] == []


def table_of(name: str) -> dict[str, str]:
    """The props of a class and their defaults in docs/props.md."""
    section = re.search(
        rf"^## {name}\n(.*?)(?=^##|\Z)", ROOT.joinpath("docs", "props.md").read_text(), re.DOTALL | re.MULTILINE
    )
    assert section
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section[1].splitlines() if line[:1] == "|"]
    return {prop.strip("`"): default for prop, _, default in rows[2:]}


@pytest.mark.parametrize("construct", [ImageGeneration, VideoStream], ids=lambda construct: construct.__name__)
def test_the_tables_of_props_are_the_signatures(construct: type[Any]) -> None:
    parameters = inspect.signature(construct.__init__).parameters
    props = {name: p.default for name, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    table = table_of(construct.__name__)
    assert list(table) == list(props)
    for prop, default in props.items():
        assert (table[prop] == "required") == (default is inspect.Parameter.empty), prop
        if default not in (None, inspect.Parameter.empty):
            assert str(default) in table[prop], prop
