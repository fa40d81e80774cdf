"""What `match` keeps of a report for after a restart, and packed in memory."""

import hashlib

import msgspec
import pytest
import zstandard
from match_reports import FAMILIES, again, incidents, matcher, one, rebuilt, routed, run, unlink

from services.events import RequestMatched
from services.incidents import packing, seen
from services.incidents.seen import EDITION, see
from services.match.adapters import seen_of

TEXTS = (
    ("en", "The BLUE bin on the south side, since Monday: 3 bags!", "12 Mill Street"),
    ("es", "Bache rojo en el lado este, número 45", "Calle Mayor 5"),
    ("de", "Die graue Laterne gegenüber 7 ist seit Dienstag aus", "Müllerstraße 12-14"),
    ("zh", "东侧的红色路灯坏了", ""),
    ("ar", "حفرة كبيرة في الجهة الشمالية", "5/2"),
    ("", "", ""),
)


def test_whoever_reads_words_in_another_way_gives_it_another_edition() -> None:
    """What was read before a restart is taken for the same as what is read after it: change both lines, or neither."""
    read = [
        see("a", 0.0, 50.0, 10.0, text=text, language=language, address=address, reporter="b").reading
        for language, text, address in TEXTS
    ]
    assert EDITION == b"\x01"
    assert hashlib.sha256(b"".join(read)).hexdigest()[:16] == "e81af648a2960e74"


def test_what_was_read_of_a_report_travels_with_what_is_said_of_it() -> None:
    worker = matcher()
    said = one(worker, routed("a", text="a deep hole by number 12"))
    known = seen_of(routed("a", text="a deep hole by number 12"), FAMILIES)
    assert known is not None
    assert msgspec.json.decode(msgspec.json.encode(said), type=RequestMatched).reading == known.reading != b""


def test_words_are_not_read_again_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = matcher()
    log = run(worker, [routed("a"), routed("b", hours=1)])
    monkeypatch.setattr(seen, "_read", lambda *_: pytest.fail("read again"))
    restarted = rebuilt(log)
    monkeypatch.undo()
    assert incidents([one(restarted, routed("c", hours=2))]) == {"c": "a"}


@pytest.mark.parametrize("strange", [b"", b"\x00" + bytes(94), EDITION, EDITION + bytes(500)])
def test_words_that_were_read_in_another_way_are_read_again(strange: bytes) -> None:
    worker = matcher()
    log = [msgspec.structs.replace(said, reading=strange) for said in run(worker, [routed("a", text="a deep hole")])]
    near = rebuilt(log)._memories[0, ""].incidents.near
    known = seen_of(routed("a", text="a deep hole"), FAMILIES)
    assert known is not None
    assert near.reading("a") == known.reading


def test_a_correction_carries_what_was_read_too() -> None:
    worker = matcher()
    first, second = run(worker, [routed("a"), routed("b", hours=1)])
    worker.learn(unlink(second))
    (corrected,) = again(worker)
    assert (corrected.report, corrected.reading) == (second.report, second.reading)
    assert first.matching.incident_id != corrected.matching.incident_id


def test_what_is_packed_before_and_after_learning_what_events_have_in_common_is_unpacked_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(packing, "LEARNS_AFTER", (500, 600))
    worker = matcher()
    events = [one(worker, routed(f"r{number}", at=(50.0 + number, 10.0), text=f"hole {number}")) for number in range(3)]
    packs = packing.Packing(RequestMatched)
    packed = [packs.pack(events[number % 3]) for number in range(700)]
    assert [packs.unpack(each) for each in packed] == [events[number % 3] for number in range(700)]
    assert {zstandard.get_frame_parameters(each).dict_id for each in packed} == {0, 1, 2}
    assert len(packed[-1]) < len(packed[0]) / 2
