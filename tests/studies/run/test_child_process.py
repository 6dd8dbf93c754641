"""A process that works for another one ends with it, and leaves talking and Ctrl-C to it."""

import logging
import signal
import subprocess
import sys
import time

import psutil
import pytest

from unsinter.studies.run.child_process import KeptRecords, deaf_to_interrupts

CHILD = """
import subprocess, sys, time
from unsinter.studies.run.child_process import end_with_parent
end_with_parent()
own = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(own.pid, flush=True)
time.sleep(600)
"""
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], stdout=subprocess.PIPE, text=True)
print(child.pid, child.stdout.readline(), flush=True)
child.wait()
"""


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_it_and_all_that_it_started_end_when_its_parent_is_gone(end):
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert all(psutil.pid_exists(pid) for pid in pids)
        parent.send_signal(end)
    until = time.monotonic() + 30
    while any(_is_alive(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.1)
    assert not any(_is_alive(pid) for pid in pids)


def _is_alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_process_started_in_the_block_is_deaf_to_interrupts_and_this_one_hears_them_again():
    before = signal.getsignal(signal.SIGINT)
    with deaf_to_interrupts():
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with child:
        time.sleep(1)
        child.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(timeout=1)
        child.kill()
    assert signal.getsignal(signal.SIGINT) is before


def test_what_is_said_is_kept_with_its_level():
    kept, logger = KeptRecords(), logging.getLogger("unsinter.somewhere")
    logger.addHandler(kept)
    try:
        logger.warning("%s is damaged", "x\x1b[31m")
    finally:
        logger.removeHandler(kept)
    assert kept.messages == [("unsinter.somewhere", logging.WARNING, "x\x1b[31m is damaged")]
