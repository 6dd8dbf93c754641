"""Every command and snippet of the pages runs, every link leads somewhere, no path is of a machine."""

import importlib
import inspect
import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
WRITTEN = sorted(path for path in DOCS.rglob("*.md") if "auto_gallery" not in path.parts)
RUN_HERE = [
    path
    for path in WRITTEN
    if path.name != "tutorial.md"
    and re.search(r"^```(sh|python|yaml)$", path.read_text(encoding="utf-8"), re.M)
]


def name_of(page):
    return str(page.relative_to(DOCS))


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN_HERE, ids=name_of)
def test_every_block_of_a_page_runs_after_the_tutorial(page, a_copy, follower):
    follower().follow(page)


@pytest.mark.slow
def test_the_tutorial_ends_with_a_probe_and_a_score(after_tutorial):
    assert (after_tutorial / "runs" / "mine" / "report.html").is_file()
    assert len(list((after_tutorial / "detector").glob("*/probe.safetensors"))) == 1


def test_a_command_that_fails_and_one_that_is_not_ours_are_noticed(follower, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "page.md"
    for block, words in [
        ("```sh\nunsinter check absent.jsonl\n```\n", "absent"),
        ("```sh\nrm -r everything\n```\n", "why it is not run"),
        ("```sh\nmake coffee\n```\n", "make coffee"),
        ('```python\nassert False, "a wrong page"\n```\n', "a wrong page"),
    ]:
        page.write_text(block, encoding="utf-8")
        with pytest.raises(AssertionError, match=words):
            follower().follow(page)
    page.write_text("<!-- not run: a reason -->\n```sh\nrm -r everything\n```\n", encoding="utf-8")
    assert follower().follow(page) == 0


def links(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.DOTALL)
    return [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]


@pytest.mark.parametrize(
    "page", [*WRITTEN, DOCS.parent / "README.md", DOCS.parent / "CONTRIBUTING.md"], ids=lambda p: p.name
)
def test_every_link_of_a_page_leads_to_a_file_and_a_heading(page):
    for link in links(page):
        file, _, heading = link.partition("#")
        place = (page.parent / file).resolve() if file else page
        assert place.is_file() or place.with_suffix(".rst").is_file(), link
        if heading:
            lines = re.findall(r"^#+ (.+)$", place.read_text(encoding="utf-8"), re.M)
            slugs = {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}
            assert heading in slugs, link


@pytest.mark.parametrize("page", WRITTEN, ids=name_of)
def test_no_page_holds_a_path_of_a_machine_or_an_index_host(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.])/(home|root|work|Users|tmp|opt)/", text)
    assert not re.search(r"--(extra-)?index-url|pypi\.org|pythonhosted", text)


def test_every_public_name_is_on_one_page_of_the_reference(monkeypatch):
    pytest.importorskip("sphinx", reason="the extra docs is not installed: `make docs` does that")
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    names = importlib.import_module("public_names")
    try:
        pages = "\n".join(path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.rst"))
        assert sorted(re.findall(r"public-names:: (\S+)", pages)) == sorted(names.PACKAGES)
        described = [name for package in names.PACKAGES for name in names.public_names(package)]
        exported = {name for package in names.PACKAGES for name in importlib.import_module(package).__all__}
        assert len(described) == len(set(described))
        assert set(described) == exported
    finally:
        sys.modules.pop("public_names")


def test_what_is_said_of_a_term_is_one_line_for_the_reference(monkeypatch):
    pytest.importorskip("sphinx", reason="the extra docs is not installed: `make docs` does that")
    monkeypatch.syspath_prepend(str(DOCS / "_ext"))
    terms = importlib.import_module("whole_terms")
    try:
        lines = [
            "Attributes",
            "----------",
            "slope : zero or more. Of many it is",
            "    the inverse.",
            "n : rows.",
        ]
        assert terms.joined(lines) == [
            *lines[:2],
            "slope : zero or more. Of many it is the inverse.",
            "n : rows.",
        ]
        plain = ["Words : that begin a text,", "and its next line.", "", "    indented: code"]
        assert terms.joined(plain) == plain
    finally:
        sys.modules.pop("whole_terms")


SECTION = re.compile(r"^(?:Attributes|Parameters|Raises)\n-+\n(.*?)(?=^\w[\w ]*\n-+$|\Z)", re.M | re.DOTALL)
TERM = re.compile(r"(?:[\w.]+|\*{1,2}\w+|``\w+``)(?:, (?:\w+|\.{3}))* : \S")


def stray_lines(docstring):
    """Lines of a section of terms that begin none and belong to none."""
    sections = SECTION.findall(inspect.cleandoc(docstring or ""))
    lines = [line for section in sections for line in section.splitlines() if line[:1].strip()]
    return [line for line in lines if TERM.match(line) is None]


def test_sections_of_public_docstrings_hold_terms_alone_since_the_reference_prints_all_else_as_names():
    assert stray_lines("One.\n\nRaises\n------\nE : no,\nnever.\n\nNotes\n-----\nx") == ["never."]
    for package in ("cache", "probes", "features", "features.extract", "studies"):
        module = importlib.import_module(f"unsinter.{package}")
        for thing in [getattr(module, name) for name in module.__all__]:
            members = vars(thing).items() if inspect.isclass(thing) else ()
            for part in (thing, *(member for name, member in members if not name.startswith("_"))):
                assert stray_lines(getattr(part, "__doc__", None)) == [], f"{package}: {thing.__name__}"


def test_every_command_of_the_benchmarks_names_a_script_and_a_result_that_exist(repository):
    text = (repository / "benchmarks" / "README.md").read_text(encoding="utf-8")
    scripts = set(re.findall(r"python (benchmarks/\w+\.py)", text))
    assert len(scripts) > 8
    for script in scripts:
        assert (repository / script).is_file(), script
