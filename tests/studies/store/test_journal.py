"""A journal of trials that a kill or a full disk cut off anywhere is taken up at its last whole record."""

import json
import logging
import multiprocessing
from pathlib import Path

import pytest
import tuning_world
from optuna import create_study, load_study
from optuna.trial import TrialState, create_trial
from size_limit import limit_file_size

from unsinter.studies.probing.tuning import ledger as tuning_ledger
from unsinter.studies.probing.tuning.storage import JOURNAL, TuningError, open_storage

N_TRIALS = 4


def write_journal(folder: Path) -> bytes:
    """A journal of one study with a few trials."""
    with open_storage(None, folder) as storage:
        study = create_study(storage=storage, study_name="one", direction="maximize", load_if_exists=True)
        for value in range(N_TRIALS):
            study.add_trial(create_trial(value=float(value)))
    return (folder / JOURNAL).read_bytes()


def values(folder: Path) -> list[float]:
    """The values of the trials of the study."""
    with open_storage(None, folder) as storage:
        return [trial.value for trial in load_study(storage=storage, study_name="one").trials]


@pytest.fixture
def journal(tmp_path):
    """(folder, bytes) of a whole journal."""
    return tmp_path, write_journal(tmp_path)


def test_a_journal_cut_around_any_record_goes_on_from_its_last_whole_record_and_says_so(journal, caplog):
    folder, raw = journal
    path = folder / JOURNAL
    starts = [0, *(place + 1 for place, byte in enumerate(raw) if byte == ord("\n"))]
    edges = {start + step for start in starts for step in (-1, 0, 1, 40)}
    for n_bytes in sorted(edge for edge in edges if 0 <= edge <= len(raw)):
        path.write_bytes(raw[:n_bytes])
        caplog.clear()
        with open_storage(None, folder):
            pass
        whole = max(start for start in starts if start <= n_bytes)
        assert path.read_bytes() == raw[:whole]
        messages = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        assert len(messages) == (whole < n_bytes)
        assert all(
            f"{path} was cut off" in line and f"last {n_bytes - whole} bytes" in line for line in messages
        )


@pytest.mark.parametrize("tail", [b'{"op_code":4,"wor{"op_code":4}\n', b"\0" * 40, b'{"op_code":4'])
def test_a_last_record_that_is_none_is_cut_off(journal, tail):
    folder, raw = journal
    (folder / JOURNAL).write_bytes(raw + tail)
    assert values(folder) == list(map(float, range(N_TRIALS)))
    assert (folder / JOURNAL).read_bytes() == raw


def test_trials_follow_a_record_that_another_process_left_unfinished_meanwhile(journal):
    folder, raw = journal
    with open_storage(None, folder) as storage:
        with (folder / JOURNAL).open("ab") as file:
            file.write(b'{"op_code":4,"worker_id":"kil')
        load_study(storage=storage, study_name="one").add_trial(create_trial(value=9.0))
    assert (folder / JOURNAL).read_bytes().startswith(raw + b'{"op_code":4,"worker_id"')
    assert values(folder) == [*map(float, range(N_TRIALS)), 9.0]


def test_damage_before_the_last_record_is_refused_by_line_and_nothing_is_cut(journal):
    folder, raw = journal
    lines = raw.splitlines(keepends=True)
    damaged = b"".join([*lines[:2], lines[2][:30] + b"\n", *lines[3:]])
    (folder / JOURNAL).write_bytes(damaged)
    with (
        pytest.raises(TuningError, match=rf"{JOURNAL}.*line 3 is damaged.*move it away"),
        open_storage(None, folder),
    ):
        pass
    assert (folder / JOURNAL).read_bytes() == damaged


@pytest.mark.parametrize("content", [b"my notes, one line without an end", b"[1]\n", b"\0\0", b"{}\n{"])
def test_a_file_of_something_else_is_refused_and_left_as_it_is(tmp_path, content):
    path = tmp_path / "mine.txt"
    path.write_bytes(content)
    with (
        pytest.raises(TuningError, match=r"cannot be opened as a journal"),
        open_storage(f"journal:{path}", tmp_path),
    ):
        pass
    assert path.read_bytes() == content


def limited(folder: Path, n_bytes: int, answers) -> None:
    """Add trials under a limit of the file's size, and tell what that ended with."""
    limit_file_size(n_bytes)
    try:
        with open_storage(None, folder) as storage:
            study = load_study(storage=storage, study_name="one")
            for value in range(N_TRIALS, 50):
                study.add_trial(create_trial(value=float(value)))
    except TuningError as error:
        answers.put(str(error))
    else:
        answers.put("no limit met")


def test_a_journal_over_the_size_limit_is_one_line_and_keeps_every_whole_record(journal):
    folder, raw = journal
    answers = multiprocessing.get_context("fork").Queue()
    child = multiprocessing.get_context("fork").Process(
        target=limited, args=(folder, len(raw) + 700, answers)
    )
    child.start()
    messages = answers.get(timeout=300)
    child.join()
    assert messages.startswith(f"{folder / JOURNAL} cannot be written (File too large); raise the size limit")
    after = (folder / JOURNAL).read_bytes()
    assert after.startswith(raw)
    assert all(json.loads(line) for line in after.splitlines())
    assert values(folder)[:N_TRIALS] == list(map(float, range(N_TRIALS)))


def test_a_tuning_study_whose_journal_was_cut_ends_with_the_trials_of_an_unbroken_one(tmp_path, monkeypatch):
    monkeypatch.setattr(tuning_ledger, "PATIENCE", 0.1)  # the cut leaves a trial of this very process at work
    unbroken = tuning_world.World().tune(tmp_path / "unbroken", trials=6)
    tuning_world.World().tune(tmp_path / "cut", trials=6)
    path = tmp_path / "cut" / JOURNAL
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3 + 7])
    again = tuning_world.World().tune(tmp_path / "cut", trials=6)
    assert again.trials.drop(columns="seconds").equals(unbroken.trials.drop(columns="seconds"))
    assert set(again.trials["state"]) <= {TrialState.COMPLETE.name.lower(), TrialState.PRUNED.name.lower()}
