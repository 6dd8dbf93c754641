"""Where the notebooks open in Colab: by a link where the repository's address is known, else by hand."""

from collections.abc import Sequence

UPLOAD = (
    "Open <https://colab.research.google.com>, choose *File*, *Upload notebook*, "
    "and take one of `docs/notebooks`."
)


def colab_links(names: Sequence[str], *, repository: str, commit: str) -> str:
    """Return Markdown: a link per notebook as it stands in a commit of a repository on GitHub.

    Without the ``owner/name`` of a repository or without a commit it says how to upload one.
    """
    if not (repository and commit):
        return UPLOAD
    place = f"https://colab.research.google.com/github/{repository}/blob/{commit}/docs/notebooks"
    return "Open " + ", ".join(f"[{name}]({place}/{name}.ipynb)" for name in names) + "."
