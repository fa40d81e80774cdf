"""Slots on one machine: one process each, and free again however that process ended."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from services.runtime import slots
from services.runtime.slots import SlotTakenError, lease

HOLDER = """
import sys, pathlib
from services.runtime.slots import lease
with lease(pathlib.Path(sys.argv[1]), "classify") as slot:
    print(slot.name, flush=True)
    sys.stdin.read()
"""


def test_slots_are_given_out_from_the_lowest(tmp_path: Path) -> None:
    with lease(tmp_path, "classify") as first, lease(tmp_path, "classify") as second, lease(tmp_path, "route") as other:
        assert [first.name, second.name, other.name] == ["classify-0", "classify-1", "route-0"]
    with lease(tmp_path, "classify", 7) as chosen:
        assert chosen.name == "classify-7"


def test_a_slot_that_was_given_back_is_free(tmp_path: Path) -> None:
    slot = lease(tmp_path, "classify")
    slot.give_back()
    slot.give_back()
    with lease(tmp_path, "classify") as again:
        assert again.name == "classify-0"


def test_a_slot_that_another_process_holds_is_refused_and_free_again_when_that_process_is_killed(
    tmp_path: Path,
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "classify-0\n"
        with pytest.raises(SlotTakenError) as error:
            lease(tmp_path, "classify", 0)
        assert str(error.value) == (
            f"classify cannot start: slot classify-0 is held by process {holder.pid}; "
            "stop that process, or leave the slot unset to take the next free one"
        )
        with lease(tmp_path, "classify") as next_free:
            assert next_free.name == "classify-1"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with lease(tmp_path, "classify", 0) as slot:
        assert (tmp_path / "classify-0.lock").read_text() == f"{os.getpid()}\n"
        assert slot.name == "classify-0"


def test_when_all_slots_are_held_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "AT_MOST", 2)
    with lease(tmp_path, "classify"), lease(tmp_path, "classify"), pytest.raises(SlotTakenError) as error:
        lease(tmp_path, "classify")
    assert str(error.value) == f"classify cannot start: all 2 slots under {tmp_path} are held"
