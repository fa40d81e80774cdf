"""Bad records through the real loop and the real router on a real broker: what dies, what passes, what comes back."""

import os
import subprocess
import sys

from dead_letters import GOOD, Headers, Place, Sent, report

from services.runtime import dead
from services.runtime.dead import Position
from services.runtime.ports import Message
from services.runtime.records import DEAD_PREFIX


def original(message: Message) -> tuple[bytes | None, bytes | None, Headers]:
    headers = [pair for pair in message.headers() or () if not pair[0].startswith(DEAD_PREFIX)]
    return message.key(), message.value(), headers


def poison(place: Place) -> dict[str, tuple[Sent, str]]:
    """Give bad records and the reason code each must get."""
    good = place.headers()
    odd: Headers = [("x-odd", b"\x00\xff"), ("x-odd", b""), ("note", "Straße".encode())]
    return {
        "bad JSON": (Sent(value=b'{"report": {', key=b"k1", headers=good), "bad_json"),
        "wrong type": (Sent(value=report("p-type", text=7), key=b"k2", headers=good), "bad_field"),
        "missing fields": (Sent(value=b'{"report": {}}', key=b"k3", headers=good), "bad_field"),
        "another type": (Sent(value=GOOD, key=b"k4", headers=place.headers(b"com.example.parade")), "unknown_type"),
        "another version": (
            Sent(value=GOOD, headers=place.headers(place.headers()[3][1].replace(b".v1", b".v2"))),
            "unknown_type",
        ),
        "NUL bytes": (Sent(value=b"\x00" * 64, key=b"\x00", headers=good), "bad_json"),
        "lone surrogate": (Sent(value=report("p-lone", text="#").replace(b"#", b"\\ud800 and"), key=b"k6"), "bad_json"),
        "not UTF-8": (Sent(value=report("p-utf8", text="#").replace(b"#", b"\xe9t\xe9"), headers=odd), "bad_json"),
        "no value": (Sent(value=None, key=b"k7", headers=good), "empty_value"),
        "empty value": (Sent(value=b"", key=b"", headers=good), "bad_json"),
        "900 kB": (Sent(value=report("p-long", address="x" * 900_000), key=b"k8", headers=good), "bad_field"),
        "deep": (Sent(value=b'{"a":' * 100_000, key=b"k9", headers=odd, partition=1), "bad_json"),
        "latitude 91": (
            Sent(value=report("p-91", place={"latitude": 91, "longitude": 0}), key=b"k10", headers=good, partition=1),
            "bad_field",
        ),
    }


def test_each_bad_record_becomes_a_dead_letter_as_it_came_and_every_good_one_passes(place: Place) -> None:
    bad = poison(place)
    good = [f"good-{number}" for number in range(len(bad) + 1)]
    records = [Sent(value=report(good[0]), key=b"g", headers=place.headers())]
    for number, (sent, _) in enumerate(bad.values(), 1):
        records += [sent, Sent(value=report(good[number]), key=b"g", headers=place.headers(), partition=number % 2)]
    place.send(records)
    place.run(len(records))
    assert place.routed() == sorted(good)
    letters = {dead.letter_of(message).origin: message for message in place.all_of(place.dead)}
    assert len(letters) == len(bad)
    offsets = [0, 0]
    for sent in records:
        found = letters.pop(Position(place.read.topic, sent.partition, offsets[sent.partition]), None)
        offsets[sent.partition] += 1
        expected = next((reason for each, reason in bad.values() if each is sent), None)
        assert (found is not None) == (expected is not None)
        if found is not None:
            assert original(found) == (sent.key, sent.value, sent.headers)
            letter = dead.letter_of(found)
            assert (letter.reason, letter.worker, letter.size) == (expected, place.name, len(sent.value or b""))
            assert len(letter.detail) <= 500
    assert not letters


ODD_NAME = """
import asyncio, sys
from aiokafka import AIOKafkaProducer


class Odd(str):
    def encode(self, *_):
        return bytes([255, 254])


async def main():
    async with AIOKafkaProducer(bootstrap_servers=sys.argv[1]) as producer:
        headers = [("ce_id", b"1"), (Odd("name"), b"2"), ("note", b"3")]
        for _ in range(40):
            await producer.send(sys.argv[2], b"{}", key=b"odd", partition=0, headers=headers)
        await producer.flush()


asyncio.run(main())
"""
"""Writes 40 records with a header whose name is not UTF-8, as no client of ours would: enough that CPython specializes
the calls that read them. aiokafka can in its Python form."""


def test_a_header_whose_name_cannot_be_read_stops_nobody(place: Place) -> None:
    environment = {**os.environ, "AIOKAFKA_NO_EXTENSIONS": "1"}
    command = [sys.executable, "-c", ODD_NAME, place.bootstrap, place.read.topic]
    subprocess.run(command, env=environment, check=True, timeout=60)
    place.send([Sent(value=report("good"), headers=place.headers())])
    place.run(41)
    assert place.routed() == ["good"]
    letters = place.all_of(place.dead)
    assert len(letters) == 40
    for letter in letters:
        found = dead.letter_of(letter)
        detail = "the name of a header is not UTF-8; the letter has no headers"
        assert (found.reason, found.detail) == ("bad_headers", detail)
        assert original(letter) == (b"odd", b"{}", [])


def test_what_is_too_large_to_go_on_is_a_dead_letter_and_stops_nobody(place: Place) -> None:
    sizes = (900_000, 960_000, 1_040_000)
    long = [report(f"n{size}", attributes={"a": ["x" * size]}) for size in sizes]
    place.send([*(Sent(value=each, headers=place.headers()) for each in long), Sent(value=report("good"))])
    place.run(4)
    assert place.routed() == ["good", "n900000"]
    letters = [dead.letter_of(message) for message in place.all_of(place.dead)]
    assert [(letter.reason, letter.left_out) for letter in letters] == [("too_large", True)] * 2
