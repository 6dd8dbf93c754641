"""Free memory is no more than the container of this process leaves."""

import psutil
import pytest

from unsinter.studies.machine.free_memory import free_memory


@pytest.mark.parametrize(
    "names",
    [("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")],
)
def test_the_room_that_is_left_in_a_container_is_the_limit(tmp_path, names):
    for name, value in zip(names, (5000, 3000), strict=True):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{value}\n")
    assert free_memory(tmp_path) == 2000


@pytest.mark.parametrize("limit", ["max", "", None])
def test_without_a_limit_it_is_that_of_the_machine(tmp_path, limit):
    if limit is not None:
        (tmp_path / "memory.max").write_text(limit)
        (tmp_path / "memory.current").write_text("3000")
    available = psutil.virtual_memory().available
    assert free_memory(tmp_path) == pytest.approx(available, rel=0.5)
