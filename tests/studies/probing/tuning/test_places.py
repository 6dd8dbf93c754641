"""Where trials are is said with the command that shows them, and without a password."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from tuning_world import World

from unsinter.studies.probing.tuning.places import storage_line
from unsinter.studies.probing.tuning.storage import TuningError, check_storage_url, open_storage

FOLDER = Path("runs/mine")
MINE = "runs/mine/tuning/trials.journal"


@pytest.mark.parametrize(
    ("url", "line"),
    [
        (None, f"{MINE}; look at them with: optuna-dashboard {MINE}"),
        ("journal:t.log", "t.log; look at them with: optuna-dashboard t.log"),
        ("sqlite:///t.db", "sqlite:///t.db; look at them with: optuna-dashboard sqlite:///t.db"),
        ("grpc://host:13000", "grpc://host:13000; optuna-dashboard shows the database behind this proxy"),
    ],
)
def test_the_line_names_the_place_and_the_command(url, line):
    assert storage_line(url, FOLDER) == line


def test_a_password_is_not_shown():
    line = storage_line("postgresql://me:secretword@host/trials", FOLDER)
    assert "secretword" not in line
    assert "optuna-dashboard 'postgresql+psycopg://me:***@host/trials'" in line


SECRETS = [
    ("postgresql://host/db?user=me&password=hunter2", "postgresql+psycopg://host/db"),
    ("postgresql://host/db?password=h@hunter2", "postgresql+psycopg://***"),
    ("postgresql://me:hun?ter@hunter2@host/db", "postgresql+psycopg://***"),
    ("postgresql://me:hun/hunter2@host:5432/db", "postgresql+psycopg://me:***@host:5432/db"),
    ("postgresql://me:h@hunter2@[::1]:5432/db", "postgresql+psycopg://me:***@[::1]:5432/db"),
    ("postgresql://me:hunter2/db", "postgresql+psycopg://me:***/db"),  # the host was forgotten
    ("postgresql://me:hunter2@host:abc/db", "postgresql+psycopg://me:***@host:***/db"),
    ("postgressql://me:hunter2@host/db", "postgressql://me:***@host/db"),
    ("postgresql:/me:hunter2@host/db", "postgresql:***@host/db"),
    ("nonsense:hunter2", "nonsense:***"),
    ("redis://:hunter2@host:6379/0", "redis://***@host:6379/0"),
    ("redis://hunter2@host", "redis://***@host"),
    ("grpc://me:hunter2@host:13000", "grpc://me:***@host:13000"),
    ("sqlite:////me@work/t #1.db?key=hunter2", "sqlite:////me@work/t #1.db"),
]


@pytest.mark.parametrize(("url", "shown"), SECRETS)
def test_a_password_is_shown_of_no_kind_of_url_however_it_is_written(url, shown):
    line = storage_line(url, FOLDER)
    assert line.startswith(f"{shown};")
    assert "hunter2" not in line


def refusal_of(url):
    try:
        check_storage_url(url)
    except TuningError as refusal:
        return str(refusal)
    return ""


def test_no_refusal_of_a_storage_repeats_a_password():
    refusals = [refusal_of(url) for url, _ in SECRETS] + [refusal_of("sqlite:///no/folder.db?key=hunter2")]
    assert sum(map(bool, refusals)) >= 8
    assert not any("hunter2" in refusal or "\n" in refusal for refusal in refusals)


def test_no_failure_to_open_repeats_a_password(tmp_path):
    for url in ("postgresql://me:hunter2@127.0.0.1:1/db?password=hunter2", "grpc://me:hunter2@h:1"):
        with pytest.raises(TuningError) as refusal, open_storage(url, tmp_path):
            pass
        assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@host:abc/db", "postgresql://host:/db", "mysql://host:1x/db", "redis://host:abc/0",
        "rediss://host:70000",
    ],
)  # fmt: skip
def test_a_port_that_is_no_number_is_refused_in_one_sentence(url):
    with pytest.raises(TuningError, match=r"what stands after the host is no port"):
        check_storage_url(url)
    assert storage_line(url, FOLDER)


def test_an_open_sign_in_a_password_is_refused_before_a_driver_repeats_it_as_a_host():
    with pytest.raises(
        TuningError, match=r"postgresql://me:\*\*\*@host/db: write the @ of its password as %40"
    ):
        check_storage_url("postgresql://me:p@hunter2@host/db")


@pytest.mark.parametrize(
    ("url", "opened"),
    [
        (None, "{}/my runs/tuning/trials.journal"),
        ("journal:{}/my trials.log", "{}/my trials.log"),
        ("journal:~/my trials.log", "{}/my trials.log"),
        ("sqlite:///{}/it's mine.db", "sqlite:///{}/it's mine.db"),
        ("sqlite:///~/t.db", "sqlite:///{}/t.db"),
    ],
)
def test_the_command_is_one_that_a_shell_takes_whatever_the_path_holds(tmp_path, monkeypatch, url, opened):
    monkeypatch.setenv("HOME", str(tmp_path))
    line = storage_line(url and url.format(tmp_path), tmp_path / "my runs")
    command = shlex.split(line.partition("look at them with: ")[2])
    assert command == ["optuna-dashboard", opened.format(tmp_path)]


def test_the_file_it_names_is_one_that_optuna_itself_opens(tmp_path):
    World().tune(tmp_path / "tuning")
    named = storage_line(None, tmp_path).partition(";")[0]
    summaries = JournalStorage(JournalFileBackend(named)).get_all_studies()
    assert len(summaries) == 1


def test_a_line_of_a_finished_run_needs_no_library_of_tuning():
    code = (
        "import sys, json, pathlib; from unsinter.studies.probing.tuning.places import storage_line; "
        "storage_line(None, pathlib.Path('x')); heavy = ('optuna', 'sqlalchemy'); "
        "print(json.dumps([n for n in heavy if n in sys.modules]))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(done.stdout) == []
