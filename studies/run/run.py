"""The main job: a finished run is read, anything else goes through its steps."""

from typing import Any

from unsinter.studies.run.fingerprint import study_fingerprint
from unsinter.studies.store.run_folder import RunFolder
from unsinter.studies.study.file import Study
from unsinter.studies.study.run_options import Settings


def run_study(study: Study, settings: Settings) -> dict[str, Any]:
    """Run a study into ``settings.folder`` and return its summary.

    Activations, answers and finished steps on disk are used again: an interrupted run goes on where it
    stopped, a finished one is only read, and a changed report is only written anew.

    Raises
    ------
    StudyError, RecordError, ExtractionError, CacheError : bad input, before anything is written for it.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from unsinter.studies import Run, Settings, Study, demo_prompts, run_study
    >>> records = demo_prompts(pairs=8, wrapped=2, wrapped_twins=2, over_refused=2)
    >>> _ = Path("prompts.jsonl").write_text("\\n".join(map(json.dumps, records)))
    >>> study = Study.model_validate({
    ...     "name": "mine", "models": [{"name": "tiny", "path": "planted:detached"}],
    ...     "prompts": {"path": ["prompts.jsonl"]}, "targets": ["D"], "separation": {"pairs": []}})
    >>> _ = run_study(study, Settings(folder=Path("runs/mine")))
    >>> Run.open("runs/mine").probe("D").classes
    ('harmless', 'harmful')
    """
    fingerprint = study_fingerprint(study)
    folder = RunFolder.claim(settings.folder, study, fingerprint=fingerprint)
    if (finished := folder.finished_summary()) is None:
        # Here and not above: a finished run is read without the libraries that make one.
        from unsinter.studies.run.steps import run_steps

        return run_steps(study, settings, folder, fingerprint=fingerprint)
    if folder.report_is_stale():
        from unsinter.studies.report import write_page
        from unsinter.studies.report.evidence.run_data import gather_evidence

        not_drawn = folder.rewrite_report(lambda files: write_page(gather_evidence(files, finished)))
        return finished | {"not_drawn": not_drawn}
    return finished
