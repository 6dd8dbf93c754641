"""Steps in a run's log: each begins and ends once, and nothing is written before the run may write."""

import json
import time

from unsinter.studies.store.step_log import StepLog
from unsinter.studies.study.run_options import StepCount, counted, silent


def lines(log):
    """Return a list that fills with the events of a log."""
    written = []
    log.log = lambda event, **facts: written.append({"event": event, **facts})
    return written


def test_nothing_is_logged_before_the_run_may_write_and_all_of_it_afterwards_with_its_own_times():
    log = StepLog(log=lambda event, **facts: None)
    written = lines(log)
    progress, before = log.follow(silent), time.time()
    progress("prompts", 0, 1)
    progress("prompts", 1, 1)
    assert not written
    time.sleep(0.1)
    log.open()
    progress("activations", 0, 2)
    assert [(line["event"], line["step"]) for line in written] == [
        ("step", "prompts"), ("step done", "prompts"), ("step", "activations"),
    ]  # fmt: skip
    assert all(before - 0.01 <= line["time"] <= before + 0.09 for line in written[:2])
    assert "time" not in written[2]  # the log's own
    log.open()
    assert len(written) == 3


def test_a_step_begins_and_ends_once_however_often_it_is_reported():
    log = StepLog(log=lambda event, **facts: None, is_open=True)
    written, reported = lines(log), []
    progress = log.follow(lambda *report: reported.append(report))
    for done in (0, 1, 2, 2):
        progress("sites", done, 2)
    assert [line["event"] for line in written] == ["step", "step done"]
    assert json.dumps(written)
    assert reported == [("sites", done, 2) for done in (0, 1, 2, 2)]


def test_a_count_reports_its_begin_each_part_and_its_end_once():
    reports = []
    list(counted("abc", lambda *report: reports.append(report), "letters", 3))
    assert reports == [("letters", done, 3) for done in range(4)]


def test_a_step_ends_where_it_ends_with_fewer_parts_or_more_than_were_counted():
    for parts in (1, 3, 5):
        reports = []
        count = StepCount(progress=lambda *report, to=reports: to.append(report[1:]), step="fits", total=3)
        for _ in range(parts):
            count.one()
        count.end()
        assert [done for done, _ in reports] == [*range(min(parts, 2) + 1), 3]


def test_a_step_of_no_parts_is_not_reported():
    reports = []
    list(counted("", lambda *report: reports.append(report), "letters", 0))
    assert reports == []


def test_the_log_of_a_run_holds_every_step_from_its_prompts_to_its_report_begun_and_ended(shown_run):
    events = [json.loads(line) for line in (shown_run / "log.jsonl").read_text().splitlines()]
    began = [event["step"] for event in events if event["event"] == "step"]
    ended = {event["step"]: event for event in events if event["event"] == "step done"}
    assert began[0] == "prompts"
    assert began[-1] == "figures and report"
    assert {
        "tiny: activations",
        "tiny: answers",
        "tiny: probes for D",
        "tiny: scores and intervals for R",
    } <= {*began}
    assert len(set(began)) == len(began)
    assert set(ended) == set(began)
    times = [event["time"] for event in events]
    assert times == sorted(times)
    for event in events:
        if event["event"] == "step":
            seconds = ended[event["step"]]["time"] - event["time"]
            assert abs(seconds - ended[event["step"]]["seconds"]) < 0.1
