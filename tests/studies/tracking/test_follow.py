"""A run told to trackers: they hold what its tables say and no prompt, and the run is untouched."""

import json
import os
import shlex
import sqlite3
import warnings
from hashlib import sha256
from importlib.util import find_spec
from types import SimpleNamespace

import pandas as pd
import pytest

from unsinter.studies import Settings, load_study, run_study
from unsinter.studies.cli.commands.run import RunRequest, run_verb
from unsinter.studies.study.file import StudyError
from unsinter.studies.study.run_options import silent
from unsinter.studies.tracking import follow, mlflow_run, opening, wandb_run
from unsinter.studies.tracking.follow import Follower, fault_in_words, following, track_run
from unsinter.studies.tracking.mlflow_run import key

SYSTEM = "You are a careful assistant of a private study."


@pytest.fixture(scope="module")
def study_file(tmp_path_factory, few_prompts):
    """A small study whose prompts stand between a system text of its own."""
    folder = tmp_path_factory.mktemp("tracked")
    lines = [json.dumps(prompt) + "\n" for prompt in few_prompts[:240]]
    (folder / "prompts.jsonl").write_text("".join(lines), encoding="utf-8")
    study = {
        "name": "small",
        "models": [{"name": "tiny", "path": "planted:detached", "dtype": "float32", "system": SYSTEM}],
        "prompts": {"path": ["prompts.jsonl"]}, "targets": ["D"], "positions": ["template_end"],
        "layers": [0, 2], "penalties": [0.01, 0.1], "bootstrap_draws": 100,
        "controls": {"permutations": 100, "random_model": False}, "min_groups": 5,
        "transfer": [], "separation": {"pairs": []},
    }  # fmt: skip
    (folder / "study.yaml").write_text(json.dumps(study), encoding="utf-8")
    return folder / "study.yaml"


@pytest.fixture(scope="module")
def finished(study_file):
    """Its finished run."""
    folder = study_file.parent / "run"
    run_study(load_study(study_file), Settings(folder=folder, cache_root=study_file.parent / "cache"))
    return folder


def digests(folder):
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() for path in paths}


def all_bytes(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def selected(finished):
    results = pd.read_parquet(finished / "results.parquet")
    return results[results["selected"]].iloc[0]


def tracked(unsinter, study_file, finished, name, **environment):
    """Run the finished study again, followed; its folder must stay as it is."""
    if find_spec(opening.TRACKERS[name]) is None:
        pytest.skip(f"the extra {name} is not installed")
    before = digests(finished)
    done = unsinter("run", study_file, "--out", finished, "--track", name, **environment)
    assert done.returncode == 0, done.stderr
    assert "failed" not in done.stderr
    assert "Tracked: " in done.stdout
    assert digests(finished) == before
    return done.stdout


def assert_holds_no_text(data, few_prompts, study_file):
    for text in (*(prompt["prompt"] for prompt in few_prompts[:240]), SYSTEM, str(study_file.parent)):
        assert text.encode() not in data


def test_mlflow_holds_the_scores_of_the_tables_beside_floor_and_control(
    unsinter, study_file, finished, tmp_path, few_prompts
):
    shown = tracked(unsinter, study_file, finished, "mlflow")
    assert "mlflow ui --backend-store-uri sqlite:" in shown
    here = tmp_path / "here"
    with sqlite3.connect(here / "mlflow.db") as store:
        metrics = store.execute("select key, value, step from metrics").fetchall()
        tags = dict(store.execute("select key, value from tags").fetchall())
        params = dict(store.execute("select key, value from params").fetchall())
        status = store.execute("select status from runs").fetchall()
    store.close()
    row = selected(finished)
    own = {name: value for name, value, _ in metrics}
    for column in ("score", "floor", "control", "gain", "score_low", "p_value"):
        assert own[f"tiny/D/selected/{column}"] == pytest.approx(row[column])
    assert tags["tiny/D/selected/site"] == f"layer {row['layer']}, {row['position']}"
    results = pd.read_parquet(finished / "results.parquet")
    by_layer = {step: value for name, value, step in metrics if name == "tiny/D/template_end/score"}
    assert by_layer == pytest.approx(dict(zip(results["layer"], results["score"], strict=True)))
    steps = [json.loads(line) for line in (finished / "log.jsonl").read_text().splitlines()]
    logged = {line["step"]: line["seconds"] for line in steps if line["event"] == "step done"}
    assert len(logged) > 2
    assert {own[key(f"seconds/{step}")] for step in logged} == set(logged.values())
    assert params["penalties"] == "0.01, 0.1"
    assert params["controls.random_model"] == "False"
    assert status == [("FINISHED",)]
    for name in own:
        if name.endswith("/score"):
            assert {name.replace("/score", "/floor"), name.replace("/score", "/control")} <= set(own)
    assert_holds_no_text(all_bytes(here), few_prompts, study_file)


def test_trackio_holds_them_too_on_this_machine(unsinter, study_file, finished, tmp_path, few_prompts):
    place = tmp_path / "trackio"
    shown = tracked(
        unsinter, study_file, finished, "trackio", TRACKIO_DIR=str(place), HF_HOME=str(tmp_path / "hf")
    )
    assert "trackio show --project unsinter-small" in shown
    assert "ploading" not in shown  # it is kept here; of a run that is current at exit Trackio says so
    (base,) = place.rglob("*.db")
    with sqlite3.connect(base) as store:
        rows = [json.loads(text) for (text,) in store.execute("select metrics from metrics order by id")]
    store.close()
    own = {name: value for row in rows for name, value in row.items()}
    for column in ("score", "floor", "control"):
        assert own[f"tiny/D/selected/{column}"] == pytest.approx(selected(finished)[column])
    assert [row["layer"] for row in rows if "layer" in row] == [0, 2]
    assert own["finished"] == 1
    assert_holds_no_text(all_bytes(place), few_prompts, study_file)


def test_wandb_stays_offline_and_holds_no_text(unsinter, study_file, finished, tmp_path, few_prompts):
    environment = {"WANDB_API_KEY": "0123456789" * 4, "WANDB_BASE_URL": "http://127.0.0.1:9"}
    shown = tracked(unsinter, study_file, finished, "wandb", **environment)
    assert "offline; send it with: wandb sync" in shown
    (record,) = (tmp_path / "here" / "wandb").glob("offline-run-*/*.wandb")
    data = record.read_bytes()
    for name in (
        b"tiny/D/selected/score",
        b"tiny/D/selected/floor",
        b"tiny/D/selected/control",
        b"penalties",
    ):
        assert name in data
    assert f"{selected(finished)['score']:.12g}"[:12].encode() in data
    whole = all_bytes(tmp_path / "here" / "wandb")
    assert_holds_no_text(whole, few_prompts, study_file)
    assert b"0123456789" * 4 not in whole


class Notebook:
    """A tracker that notes what it is told, and fails where it is asked to."""

    place = "a notebook"

    def __init__(self, fails=()):
        self.fails, self.calls = fails, []

    def take(self, call, *what):
        self.calls.append((call, *what))
        if call in self.fails:
            raise RuntimeError(f"{call} is broken")

    def log(self, numbers, *, layer=None):
        self.take("log", dict(numbers), layer)

    def note(self, texts):
        self.take("note", dict(texts))

    def end(self, *, is_whole):
        self.take("end", is_whole)


@pytest.fixture
def notebook(monkeypatch):
    """Let a notebook be the tracker."""

    def put(*fails):
        book = Notebook(fails)

        def opened(name, *, project, run, settings):
            book.take("open", project, run, dict(settings))
            return book

        monkeypatch.setattr(follow, "open_tracker", opened)
        monkeypatch.setattr(follow, "check_tracker", lambda name, folder: None)
        return book

    return put


def followed_run(study_file, folder, cache):
    study = load_study(study_file)
    with following("notebook", folder, study.model_dump(mode="json")) as follower:
        progress = follower.progress(silent)
        run_study(study, Settings(folder=folder, cache_root=cache, progress=progress))
    return follower


def tables(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.parquet")}


def test_a_followed_run_has_the_tables_of_one_that_is_not_and_steps_are_told_while_it_runs(
    study_file, finished, tmp_path, notebook
):
    book = notebook()
    followed_run(study_file, tmp_path / "run", study_file.parent / "cache")
    assert tables(tmp_path / "run") == tables(finished)
    assert set(digests(tmp_path / "run")) == set(digests(finished))
    assert book.calls[0][:3] == ("open", "unsinter-small", "run")
    assert book.calls[-1] == ("end", True)
    kinds = [next(iter(call[1])).partition("/")[0] if call[0] == "log" else call[0] for call in book.calls]
    assert kinds.count("seconds") > 2
    assert max(i for i, kind in enumerate(kinds) if kind == "seconds") < kinds.index("note")


@pytest.mark.parametrize("fails", ["open", "log", "note", "end"])
def test_a_tracker_that_fails_is_one_line_and_the_run_goes_on(study_file, finished, notebook, fails, caplog):
    notebook(fails)
    before = digests(finished)
    follower = followed_run(study_file, finished, study_file.parent / "cache")
    assert [record.getMessage() for record in caplog.records] == [
        f"--track notebook failed (RuntimeError: {fails} is broken); the run itself is not touched by it."
    ]
    assert follower.failure is not None
    assert digests(finished) == before


def test_a_run_that_breaks_off_is_ended_as_such(tmp_path, notebook):
    book, log = notebook(), tmp_path / "log.jsonl"
    log.write_text("")
    study = {"name": "small", "models": [{"name": "tiny"}], "targets": ["D"]}

    def break_off():
        with following("notebook", tmp_path, study) as follower:
            progress = follower.progress(silent)
            done = {"event": "step done", "step": "tiny: activations", "seconds": 1.5}
            log.write_text(json.dumps(done) + '\n{"event": "step do')  # another process may be writing a line
            progress("tiny: activations", 3, 4)
            assert book.calls == []
            progress("tiny: activations", 4, 4)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    logged = [call for call in book.calls if call[0] == "log"]
    assert logged == [("log", {"seconds/tiny: activations": 1.5}, None)]
    assert book.calls[-1] == ("end", False)


def test_a_study_that_is_refused_begins_no_run_in_the_tracker(tmp_path, notebook):
    book = notebook()
    with pytest.raises(StudyError), following("notebook", tmp_path, {"name": "small"}):
        raise StudyError("bad input")
    assert book.calls == []


def test_a_tracker_that_wants_to_end_the_program_does_not(tmp_path, monkeypatch, caplog):
    def leave(*_, **__):
        raise SystemExit(3)

    monkeypatch.setattr(follow, "open_tracker", leave)
    follower = Follower(name="wandb", folder=tmp_path, study={"name": "a", "models": [], "targets": []})
    (tmp_path / "log.jsonl").write_text('{"event": "step done", "step": "a", "seconds": 1}\n')
    follower.progress(silent)("a", 1, 1)
    assert "SystemExit" in caplog.text


def test_an_unknown_tracker_and_one_that_is_not_installed_are_refused_before_anything_is_made(
    study_file, tmp_path, monkeypatch
):
    def run(track):
        return run_verb(RunRequest(study_file=study_file, out=tmp_path / "new", track=track), progress=silent)

    with pytest.raises(StudyError, match=r"^--track takes trackio, mlflow, wandb; got 'aim'"):
        run("aim")

    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(opening, "import_module", absent)
    for name in opening.TRACKERS:
        with pytest.raises(
            StudyError, match=rf"^--track {name} needs {name}; run: pip install '\.\[{name}\]'"
        ):
            run(name)
    assert not (tmp_path / "new").exists()


def test_a_tracker_that_would_write_into_the_run_is_refused(finished, monkeypatch, tmp_path):
    pytest.importorskip("mlflow", reason="the extra mlflow is not installed")
    monkeypatch.chdir(finished)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(StudyError, match=r"would write into the run's folder .*MLFLOW_TRACKING_URI"):
        track_run(finished, "mlflow")
    monkeypatch.chdir(tmp_path)
    for address in (f"sqlite:///{finished / 'mlflow.db'}", f"file://{finished}/mlruns", f"{finished}/mlruns"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with pytest.raises(StudyError, match=r"would write into the run's folder"):
            track_run(finished, "mlflow")
    for address in ("http://127.0.0.1:9", "sqlite:///mlflow.db"):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        opening.check_tracker("mlflow", finished)


def test_a_finished_run_is_told_from_python_and_a_failure_is_an_error_there(finished, notebook):
    book = notebook()
    assert track_run(finished, "notebook") == "a notebook"
    assert book.calls[-1] == ("end", True)
    notebook("note")
    with pytest.raises(StudyError, match=r"notebook does not take the run .*note is broken"):
        track_run(finished, "notebook")


def test_no_secret_is_in_the_words_of_a_fault(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "verysecretkey")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "anotherone")
    error = RuntimeError("401 for http://me:word@host/api\n with verysecretkey and anotherone")
    words = fault_in_words(error)
    assert (
        words == "RuntimeError: 401 for http://host/api with (WANDB_API_KEY) and (MLFLOW_TRACKING_PASSWORD)"
    )


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://me:p@hunter2@host/api", "http://host/api"),
        ("http://me:pa/hunter2@host/api", "http://host/api"),
        ("http://me:pa'hunter2@host/api", "http://host/api"),
        ("postgresql://host/db?password=hunter2", "postgresql://host/db"),
        ("postgresql://host/db?password=p@hunter2", "postgresql://***"),
        ("http://me:hunter2?p@host/api", "http://***"),
        (f"http://me:{'hunter2' * 60}@host/api", "http://host/api"),
    ],
)
def test_no_sign_in_a_password_lets_a_part_of_it_into_the_words_of_a_fault(address, shown):
    words = fault_in_words(RuntimeError(f"no answer of {address} after 2 tries, http://host/docs says why"))
    assert words == f"RuntimeError: no answer of {shown} after 2 tries, http://host/docs says why"


@pytest.mark.parametrize("uri", ["sqlite:////it's mine/m.db", "/my runs", "sqlite:///~/m.db"])
def test_the_command_of_a_local_store_is_one_that_a_shell_takes(uri):
    command = mlflow_run._place(uri, "unsinter-small").partition("look at it with: ")[2]
    assert shlex.split(command) == ["mlflow", "ui", "--backend-store-uri", uri]


def test_the_command_that_sends_an_offline_run_is_one_that_a_shell_takes(monkeypatch):
    settings = SimpleNamespace(mode="offline")
    run = SimpleNamespace(settings=settings, dir="/my runs/offline-run-1/files", define_metric=silent_call)
    package = SimpleNamespace(Settings=silent_call, init=lambda **_: run)
    monkeypatch.setattr(wandb_run, "import_module", lambda name: package)
    place = wandb_run.WandbRun(project="unsinter-small", run="mine", settings={}).place
    assert shlex.split(place.partition("send it with: ")[2]) == ["wandb", "sync", "/my runs/offline-run-1"]


def silent_call(*_, **__):
    """Take everything and do nothing."""


def test_names_for_mlflow_are_allowed_and_never_meet():
    assert key("tiny/D/selected/score") == "tiny/D/selected/score"
    assert key("[a]/score") != key("{a}/score")
    assert len(key("x" * 900)) < 250


def test_warnings_and_prints_of_a_tracker_are_not_shown(tmp_path, notebook, capsys, monkeypatch):
    book = notebook()

    def log(numbers, *, layer=None):
        print("an advertisement")
        warnings.warn("an advertisement", UserWarning, stacklevel=1)

    monkeypatch.setattr(book, "log", log)
    follower = Follower(name="notebook", folder=tmp_path, study={"name": "a", "models": [], "targets": []})
    (tmp_path / "log.jsonl").write_text('{"event": "step done", "step": "a", "seconds": 1}\n')
    follower.progress(silent)("a", 1, 1)
    assert follower.failure is None
    assert capsys.readouterr().out == ""
    assert os.environ.get("WANDB_MODE") is None
