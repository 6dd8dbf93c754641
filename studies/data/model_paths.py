"""Where a model of a study lies."""

import importlib.util
from pathlib import Path

from unsinter.cache.location import expand_home
from unsinter.studies.bundled import folder as bundled
from unsinter.studies.planted import MODELS, model_folder
from unsinter.studies.study.file import StudyError
from unsinter.studies.study.sections import ModelSource


def find_model(source: ModelSource) -> str:
    """Return a folder or hub id: ``planted:``, ``bundled:NAME`` and ``package:MODULE/FOLDER`` become folders.

    A bundled model's folder is made where it is not there yet.

    Raises
    ------
    ModelError : that cannot be.
    """
    scheme, colon, rest = source.path.partition(":")
    if colon and scheme == "bundled":
        return str(bundled.model_folder(rest))
    if colon and scheme == "planted":
        if rest not in MODELS:
            raise StudyError(f"model {source.name!r}: planted models are {', '.join(MODELS)}; got {rest!r}.")
        return str(model_folder(rest))
    if colon and scheme == "package":
        module, _, inner = rest.partition("/")
        try:
            spec = importlib.util.find_spec(module)
        except (ImportError, ValueError):  # the parent of a dotted name is absent, or the name is no name
            spec = None
        if spec is None or not spec.submodule_search_locations:
            raise StudyError(
                f"model {source.name!r}: the package {module!r} is not installed; install the extra that "
                "carries it (see README) or name a model folder."
            )
        return str(Path(spec.submodule_search_locations[0]) / inner)
    return str(expand_home(source.path)) if source.path.startswith("~") else source.path
