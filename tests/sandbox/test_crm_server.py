from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
import typer
from typer.testing import CliRunner

from services.cli.crm import crm
from services.sandbox.crm import Crm
from services.sandbox.crm_book import Book
from services.sandbox.crm_faults import Dice, Faults

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LAMP = {"version": 1, "department": "streets", "service_code": "street_light_out"}

Answer = tuple[int, Any]


class Client:
    """Says what the server answered: status and JSON."""

    def __init__(self, session: aiohttp.ClientSession, server: Crm) -> None:
        self.session = session
        self.crm = server

    async def call(self, method: str, path: str, body: object = None, key: str = "k1", **headers: str) -> Answer:
        async with self.session.request(
            method, self.crm.url + path, json=body, headers={"Idempotency-Key": key, **headers}
        ) as response:
            raw = await response.read()
            return response.status, json.loads(raw) if raw else None

    async def put(self, ref: str, version: int = 1, key: str = "k1", **more: Any) -> Answer:
        return await self.call("PUT", f"/api/cases/{ref}", {**LAMP, "version": version, **more}, key)

    async def faults(self, **faults: Any) -> None:
        status, _ = await self.call("POST", "/api/faults", faults)
        assert status == 200

    async def book(self) -> dict[str, Any]:
        async with self.session.get(self.crm.url + "/api/book") as response:
            lines = [json.loads(line) for line in (await response.text()).splitlines()]
        return {line["ref"]: line for line in lines}


def with_crm(story: Callable[[Client], Awaitable[None]], journal: Path | None = None, **more: Any) -> None:
    async def tell() -> None:
        server = await Crm(journal=journal, clock=lambda: NOON, **more).start()
        try:
            async with aiohttp.ClientSession() as session:
                await story(Client(session, server))
        finally:
            await server.stop()

    asyncio.run(tell())


def test_the_first_version_creates_a_newer_one_updates_and_the_same_leaves_it() -> None:
    async def story(client: Client) -> None:
        assert await client.put("r1", 2) == (201, {"id": "CRM-000001", "version": 2, "result": "created"})
        assert await client.put("r1", 2) == (200, {"id": "CRM-000001", "version": 2, "result": "unchanged"})
        assert await client.put("r1", 5) == (200, {"id": "CRM-000001", "version": 5, "result": "updated"})
        assert await client.put("r2", 1) == (201, {"id": "CRM-000002", "version": 1, "result": "created"})

    with_crm(story)


def test_an_older_version_is_answered_the_stored_one() -> None:
    async def story(client: Client) -> None:
        await client.put("r1", 5)
        stale = {"id": "CRM-000001", "version": 5, "result": "stale", "error": "stale"}
        assert await client.put("r1", 4) == (409, stale)

    with_crm(story)


def test_a_plain_create_used_twice_makes_a_duplicate_that_the_book_tells() -> None:
    async def story(client: Client) -> None:
        for number in (1, 2):
            status, answer = await client.call("POST", "/api/cases", {**LAMP, "ref": "r1"})
            assert (status, answer["id"]) == (201, f"CRM-{number:06d}")
        status, answer = await client.put("r1", 9)
        assert (status, answer["ids"]) == (300, ["CRM-000001", "CRM-000002"])
        assert (await client.call("GET", "/api/cases/r1"))[0] == 300
        assert (await client.book())["r1"]["records"] == 2

    with_crm(story)


def test_a_case_can_be_read_alone_and_by_department() -> None:
    async def story(client: Client) -> None:
        for number in range(3):
            await client.put(f"r{number}")
        await client.put("r9", department="parks")
        assert (await client.call("GET", "/api/cases/r1"))[1] == {**LAMP, "ref": "r1", "id": "CRM-000002"}
        assert await client.call("GET", "/api/cases/nobody") == (404, {"error": "not_found"})
        status, found = await client.call("GET", "/api/cases?department=parks&page=1")
        assert (status, [case["ref"] for case in found]) == (200, ["r9"])
        assert (await client.call("GET", "/api/cases?page=2"))[1] == []
        assert (await client.call("GET", "/api/cases?page=0"))[1] == {
            "error": "page",
            "message": "page='0': expected a whole number from 1",
        }

    with_crm(story)


def test_a_batch_answers_for_each_case_by_itself() -> None:
    async def story(client: Client) -> None:
        await client.put("r1", 3)
        items = [
            {"ref": "r1", "key": "k", "case": {**LAMP, "version": 2}},
            {"ref": "r2", "key": "k", "case": LAMP},
            {"ref": "r3", "key": "k", "case": {"version": 1}},
        ]
        status, answers = await client.call("POST", "/api/cases:batch", items)
        assert status == 200
        assert [(each["ref"], each["status"]) for each in answers] == [("r1", 409), ("r2", 201), ("r3", 422)]
        status, answer = await client.call("POST", "/api/cases:batch", [items[1]] * 201)
        assert (status, answer["message"]) == (413, "201 cases in a batch; expected at most 200")

    with_crm(story)


def test_all_faults_of_a_case_are_told_at_once() -> None:
    async def story(client: Client) -> None:
        status, answer = await client.call("PUT", "/api/cases/r1", {"version": True})
        assert status == 422
        assert answer["message"] == (
            "department: expected a text; service_code: expected a text; version: expected a whole number from 0"
        )
        status, answer = await client.call("POST", "/api/cases", LAMP)
        assert (status, answer["message"]) == (422, "ref: expected a text, the external reference")
        assert (await client.call("PUT", "/api/cases/r1", [1]))[0] == 400

    with_crm(story)


def test_the_book_tells_what_was_accepted_and_with_how_many_keys() -> None:
    async def story(client: Client) -> None:
        for version, key in ((1, "a"), (1, "a"), (3, "b")):
            await client.put("r1", version, key)
        assert (await client.book())["r1"] == {
            "ref": "r1",
            "ids": ["CRM-000001"],
            "records": 1,
            "version": 3,
            "versions": [1, 3],
            "created_at": NOON.isoformat(),
            "updated_at": NOON.isoformat(),
            "keys": 2,
            "departments": 1,
            "unchanged": 1,
            "department": "streets",
        }

    with_crm(story)


def test_each_fault_does_what_it_says_and_none_touches_the_book() -> None:
    async def story(client: Client) -> None:
        await client.faults(down="503")
        assert await client.put("r1") == (503, {"error": "down"})
        await client.faults(down="reset")
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.put("r1")
        await client.faults(error_rate=1.0)
        assert await client.put("r1") == (500, {"error": "error"})
        await client.faults(limit_rate=1.0, retry_after_s=7)
        async with client.session.put(client.crm.url + "/api/cases/r1", json=LAMP) as response:
            assert (response.status, response.headers["Retry-After"]) == (429, "7")
        assert await client.book() == {}
        await client.faults(schema_change=True)
        status, answer = await client.put("r1")
        assert (status, answer["message"]) == (422, "department_code: expected a text")
        await client.faults(ambiguous=["r1"])
        assert (await client.put("r1"))[0] == 300
        assert await client.book() == {}

    with_crm(story)


def test_a_lost_answer_and_a_late_error_leave_the_case_accepted() -> None:
    async def story(client: Client) -> None:
        await client.faults(lose_answer_rate=1.0)
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.put("r1")
        await client.faults(error_after_rate=1.0)
        assert await client.put("r2") == (500, {"error": "error_after"})
        assert sorted(await client.book()) == ["r1", "r2"]
        await client.faults()
        assert (await client.put("r1"))[1]["result"] == "unchanged"

    with_crm(story)


def test_faults_can_be_read_back_and_a_wrong_one_is_named() -> None:
    async def story(client: Client) -> None:
        await client.faults(slow_ms=5, seed=3)
        found = (await client.call("GET", "/api/faults"))[1]
        assert (found["slow_ms"], found["seed"], found["error_rate"]) == (5, 3, 0.0)
        status, answer = await client.call("POST", "/api/faults", {"error_rate": 2})
        assert (status, answer["message"]) == (400, "Expected `float` <= 1.0 - at `$.error_rate`")

    with_crm(story)


def test_the_same_seed_draws_the_same_misfortunes() -> None:
    faults = Faults(seed=7, error_rate=0.3, limit_rate=0.2, lose_answer_rate=0.1)
    one, two = Dice(faults), Dice(faults)
    drawn = [one.roll() for _ in range(200)]
    assert drawn == [two.roll() for _ in range(200)]
    assert {"", "error", "limit", "lose_answer"} == set(drawn)


def test_a_token_that_is_set_must_be_sent() -> None:
    async def story(client: Client) -> None:
        assert await client.put("r1") == (401, {"error": "unauthorized"})
        status, _ = await client.call("PUT", "/api/cases/r1", LAMP, Authorization="Bearer open")
        assert status == 201

    with_crm(story, token="open")


def test_a_restart_knows_all_that_was_acknowledged_and_cuts_a_torn_line(tmp_path: Path) -> None:
    journal = tmp_path / "crm" / "journal.jsonl"

    async def before(client: Client) -> None:
        await client.put("r1", 1, "a")
        await client.put("r1", 2, "b")
        await client.put("r2", 1, "c")
        assert len(journal.read_bytes().splitlines()) == 3, "flushed before it was acknowledged"

    async def after(client: Client) -> None:
        book = await client.book()
        assert {ref: (line["ids"], line["versions"], line["keys"]) for ref, line in book.items()} == {
            "r1": (["CRM-000001"], [1, 2], 2),
            "r2": (["CRM-000002"], [1], 1),
        }
        assert (await client.put("r3"))[1]["id"] == "CRM-000003"

    with_crm(before, journal)
    with journal.open("ab") as file:
        file.write(b'{"ref":"r9","id":"CRM-0000')
    with_crm(after, journal)
    book = Book(journal)
    assert len(book) == 3
    book.close()


def test_a_file_that_is_no_journal_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    journal = tmp_path / "notes.txt"
    journal.write_text("buy milk\n")
    with pytest.raises(ValueError, match="cannot read line 1 of its journal") as caught:
        Book(journal)
    assert "; move the file away" in str(caught.value)
    assert journal.read_text() == "buy milk\n"


def test_stopping_refuses_connections_and_starting_again_listens_on_the_same_port(tmp_path: Path) -> None:
    async def story(client: Client) -> None:
        port = client.crm.port
        await client.put("r1")
        await client.crm.stop()
        with pytest.raises(aiohttp.ClientConnectorError):
            await client.put("r1")
        await client.crm.start()
        assert client.crm.port == port
        assert (await client.put("r1"))[1]["result"] == "unchanged"

    with_crm(story)
    with_crm(story, tmp_path / "journal.jsonl")


def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "services.cli.crm", "--port", "0", "--journal", str(tmp_path / "j.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("sandbox CRM on http://127.0.0.1:")
        assert line.endswith("(0 cases)\n")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_start_that_fails_is_told_in_a_sentence(tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(crm)
    journal = tmp_path / "notes.txt"
    journal.write_text("buy milk\n")
    result = CliRunner().invoke(app, ["--port", "0", "--journal", str(journal)])
    assert result.exit_code == 1
    assert "the sandbox CRM cannot start: " in result.output
