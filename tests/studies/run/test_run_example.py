"""The example of `run_study` runs as it is written, in an empty folder."""

import doctest

from unsinter.studies.run.run import run_study


def test_the_example_of_run_study_is_ten_lines_and_gives_what_it_shows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (test,) = doctest.DocTestFinder(recurse=False).find(run_study, "run_study", globs={})
    assert sum(example.source.count("\n") for example in test.examples) == 10
    report = []
    runner = doctest.DocTestRunner(verbose=False)
    failed, tried = runner.run(test, out=report.append)
    assert (failed, tried) == (0, 8), "".join(report)
    assert (tmp_path / "runs" / "mine" / "report.html").is_file()
