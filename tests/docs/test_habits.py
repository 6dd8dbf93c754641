"""Files around the code: citation, hooks, hosted check, extras and pins."""

import re
import tomllib
from importlib.metadata import version

import pytest
import yaml
from packaging.requirements import Requirement


@pytest.fixture(scope="module")
def project(repository):
    return tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))


def read(repository, *parts):
    return yaml.safe_load(repository.joinpath(*parts).read_text(encoding="utf-8"))


def test_the_citation_names_this_version_and_licence(repository, project):
    citation = read(repository, "CITATION.cff")
    assert citation["version"] == project["project"]["version"] == version("unsinter")
    assert citation["license"] == project["project"]["license"]
    assert {"cff-version", "message", "title", "authors"} <= set(citation)


def test_the_hosted_check_calls_what_ci_runs(repository):
    workflow = read(repository, ".github", "workflows", "ci.yml")
    steps = [step.get("run") for job in workflow["jobs"].values() for step in job["steps"]]
    assert ".ci/run" in steps
    script = (repository / ".ci" / "run").read_text(encoding="utf-8")
    assert {"lint", "docs", "wheel", "test"} == set(re.findall(r"^make (\w+)", script, re.M))
    assert (repository / ".ci" / "run").stat().st_mode & 0o111
    assert (repository / ".ci" / "wheel").stat().st_mode & 0o111


def test_every_command_of_a_hook_names_files_that_exist(repository):
    for repo in read(repository, ".pre-commit-config.yaml")["repos"]:
        for hook in repo["hooks"]:
            for word in hook["entry"].split()[1:]:
                if word.endswith(".py"):
                    assert (repository / word).is_file(), word


def test_issue_forms_are_forms(repository):
    forms = [p for p in (repository / ".github" / "ISSUE_TEMPLATE").glob("*.yml") if p.name != "config.yml"]
    assert len(forms) == 3
    for form in forms:
        assert {"name", "description", "body"} <= set(yaml.safe_load(form.read_text(encoding="utf-8")))


@pytest.mark.parametrize("extra", ["docs", "dev"])
def test_every_package_of_an_extra_is_pinned_within_what_it_asks_for(repository, project, extra):
    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    known = {re.sub(r"[-_.]+", "-", name).lower(): number for name, number in pins.items()}
    for text in project["project"]["optional-dependencies"][extra]:
        wanted = Requirement(text)
        assert wanted.specifier.contains(known[re.sub(r"[-_.]+", "-", wanted.name).lower()]), text


def test_no_pin_stands_twice_and_no_index_is_named(repository):
    text = (repository / "constraints.txt").read_text(encoding="utf-8")
    names = re.findall(r"^([\w.-]+)==", text, re.M)
    assert len(names) == len(set(names))
    assert "http:" not in text
    assert "https:" not in text
    assert "index-url" not in text


def test_targets_of_the_makefile_that_pages_name_are_there(repository):
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.+)$", makefile, re.M)[1].split()
    pages = [*(repository / "docs").glob("*.md"), repository / "README.md", repository / "CONTRIBUTING.md"]
    named = {name for page in pages for name in re.findall(r"`make (\w+)", page.read_text(encoding="utf-8"))}
    assert named <= set(targets)
    assert {"docs", "wheel", "licences", "audit"} <= named
