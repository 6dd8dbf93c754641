"""Pages as lists of code blocks, and a folder in which the tutorial was followed."""

import os
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unsinter.studies.cli import app
from unsinter.studies.study.file import load_study
from unsinter.studies.study.unique_keys import load_yaml

NOT_RUN = re.compile(r"<!-- not run: .+ -->")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One block of code of a page; ``excuse`` says why it is not run."""

    language: str
    text: str
    line: int
    excuse: str


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    blocks = []
    for match in FENCE.finditer(text):
        above = text[: match.start()].rstrip("\n").rpartition("\n")[2]
        excuse = above if NOT_RUN.fullmatch(above) else ""
        line = text.count("\n", 0, match.start()) + 2
        blocks.append(Block(language=match[1], text=match[2], line=line, excuse=excuse))
    return blocks


class Follower:
    """Does what a page says, block by block, in the current folder."""

    def __init__(self, repository: Path) -> None:
        self.targets = set(
            re.search(r"^\.PHONY: (.+)$", (repository / "Makefile").read_text(), re.M)[1].split()
        )
        self.names = {"__name__": "page"}

    def follow(self, page: Path) -> int:
        """Run every block of a page and return how many were run."""
        wanted = [block for block in blocks_of(page) if not block.excuse]
        steps = {"python": self.python, "sh": self.shell, "yaml": self.study}
        done = 0
        for block in wanted:
            if block.language in steps:
                steps[block.language](block.text, f"{page.name}:{block.line}")
                done += 1
        return done

    def python(self, text: str, place: str) -> None:
        exec(compile(text, place, "exec"), self.names)

    def shell(self, text: str, place: str) -> None:
        for command in text.splitlines():
            words = shlex.split(command, comments=True)
            if not words:
                continue
            if words[0] == "make":
                assert set(words[1:]) <= self.targets, f"{place}: {command}"
                continue
            assert words[0] == "unsinter", f"{place}: say above the block why it is not run: {command}"
            done = CliRunner().invoke(app, words[1:], catch_exceptions=False)
            assert done.exit_code == 0, f"{place}: {command}\n{done.output}"

    def study(self, text: str, place: str) -> None:
        name = re.match(r"# ([\w-]+\.yaml)\n", text)
        if name is None:
            assert load_yaml(text), place
            return
        Path(name[1]).write_text(text, encoding="utf-8")
        load_study(name[1])


@pytest.fixture(scope="session")
def follower(repository):
    """Make one that knows the targets of the Makefile."""
    return lambda: Follower(repository)


@pytest.fixture(scope="session")
def after_tutorial(repository, follower, tmp_path_factory):
    """The folder as somebody has it who followed the tutorial."""
    folder = tmp_path_factory.mktemp("tutorial")
    before, cache = Path.cwd(), os.environ.get("UNSINTER_CACHE")
    os.environ["UNSINTER_CACHE"] = str(folder / "cache")
    os.chdir(folder)
    try:
        assert follower().follow(repository / "docs" / "tutorial.md") >= 7
    finally:
        os.chdir(before)
        if cache is None:
            del os.environ["UNSINTER_CACHE"]
        else:
            os.environ["UNSINTER_CACHE"] = cache
    return folder


@pytest.fixture
def a_copy(after_tutorial, tmp_path, monkeypatch):
    """A copy of that folder, which is the current one."""
    folder = shutil.copytree(after_tutorial, tmp_path / "copy", ignore=shutil.ignore_patterns("cache"))
    monkeypatch.chdir(folder)
    monkeypatch.setenv("UNSINTER_CACHE", str(after_tutorial / "cache"))
    return folder
