"""Output that is not UTF-8: the work is shown with signs for what is lacking; files stay UTF-8."""

import json

import pytest

ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
NAMES = ("盗窃", "vol é")


@pytest.fixture
def named(few_prompts):
    """The demo's prompts with two categories named in other scripts."""
    names = sorted({p["category"] for p in few_prompts if p.get("category")})
    renamed = dict(zip(names, NAMES, strict=False))
    return [{**p, "category": renamed.get(p.get("category"), p.get("category"))} for p in few_prompts]


@pytest.mark.parametrize(
    ("verb", "narrow"),
    [
        (("check",), ASCII),
        (("check",), {"PYTHONIOENCODING": "ascii:strict"}),
        (("--help",), ASCII),
        (("doctor",), ASCII),
        (("cache", "ls"), ASCII),
    ],
)
def test_short_verbs_end_well(unsinter, tmp_path, named, narrow, verb):
    data = tmp_path / "p.jsonl"
    data.write_text("".join(json.dumps(p, ensure_ascii=False) + "\n" for p in named), encoding="utf-8")
    done = unsinter(*verb, *([data] if verb == ("check",) else []), **narrow)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    if verb == ("check",):
        assert "vol ?" in done.stdout


@pytest.mark.slow
def test_a_run_in_ascii_writes_the_same_files_in_utf8_and_shows_them(unsinter, write_study, tmp_path, named):
    study, run = write_study(prompts=named, whole=True), tmp_path / "run"
    for verb in (
        ("run", study, "--out", run),
        ("transfer", run),
        ("export", run, "--target", "C"),
    ):
        done = unsinter(*verb, **ASCII)
        assert done.returncode == 0, done.stderr
        assert done.stdout.isascii()
    written = [run / "report.html", run / "summary.json", *run.rglob("README.md"), *run.rglob("probe.json")]
    for file in written:
        assert NAMES[0] in file.read_text(encoding="utf-8") or file.suffix == ".json", file
    assert all("�" not in file.read_text(encoding="utf-8") for file in written)
    probe = next(run.rglob("probe.safetensors"))
    scored = [
        unsinter("score", probe, "--model", "planted:detached", "--text", "café bread", "--json", **settings)
        for settings in ({}, ASCII)
    ]
    assert [one.returncode for one in scored] == [0, 0], scored[1].stderr
    one, other = (json.loads(found.stdout) for found in scored)
    assert list(one["scores"].values()) == list(other["scores"].values())  # the text was read as UTF-8


def test_a_file_name_that_the_locale_lacks_is_one_line(unsinter, write_study, tmp_path, named):
    study = write_study(prompts=named)
    study.write_text(study.read_text(encoding="utf-8").replace("prompts.jsonl", "données.jsonl"), "utf-8")
    done = unsinter("run", study, **ASCII)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
