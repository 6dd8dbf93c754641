from unsinter.studies.cli.progress import ProgressLines


def lines_of(events):
    """The lines printed for (seconds, step, done, total)."""
    now, lines = [0.0], []
    report = ProgressLines(show=lines.append, clock=lambda: now[0])
    for seconds, *event in events:
        now[0] = seconds
        report(*event)
    return lines


def test_a_step_that_ends_has_a_line_with_its_time():
    assert lines_of([(0, "m: answers", 10, 893), (33, "m: answers", 893, 893)]) == [
        "m: answers: 893 done in 33 s"
    ]


def test_a_long_step_has_a_line_a_minute_that_says_what_is_left():
    events = [(second, "m: probes", second, 600) for second in range(601)]
    lines = lines_of(events)
    assert len(lines) == 10
    assert lines[0] == "m: probes: 60 of 600 after 60 s, about 9 min to go"
    assert lines[-1] == "m: probes: 600 done in 10 min"


def test_what_an_earlier_run_had_done_does_not_count_for_the_pace():
    lines = lines_of([(0, "m: answers", 16_000, 20_000), (60, "m: answers", 16_400, 20_000)])
    assert lines == ["m: answers: 16,400 of 20,000 after 60 s, about 9 min to go"]


def test_a_step_that_is_reported_done_again_is_said_once():
    assert len(lines_of([(0, "m: answers", 5, 5)] * 15)) == 1


def test_a_step_that_has_not_begun_to_count_is_no_division_by_zero():
    assert lines_of([(0, "a", 0, 9), (61, "a", 0, 9)]) == ["a: 0 of 9 after 61 s"]
