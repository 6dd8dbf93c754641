from .report.notebook import Run as Run
from .run.run import run_study as run_study
from .study.file import Study as Study
from .study.file import StudyError as StudyError
from .study.file import load_study as load_study
from .study.run_options import Settings as Settings
