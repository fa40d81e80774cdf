"""The JSON side over HTTP, answers word for word."""

import re
from typing import Any

import msgspec
import pytest
from review_doubles import CITY, Client, Kafka, Town, a_town, draft, prioritized, visit

from services.readmodel.faults import ReadModelAwayError
from services.readmodel.queries import ReadModel
from services.review.desk import Desk
from services.review.settings import ReviewSettings

town = a_town


def said(town: Town, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
    """Post `body`, or get without one; gives the status and the JSON."""

    async def steps(client: Client) -> tuple[int, Any]:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is None:
            answer = await client.get(path, headers=sent)
        else:
            data = body if isinstance(body, str) else msgspec.json.encode(body)
            answer = await client.post(path, data=data, headers={"Content-Type": "application/json", **sent})
        return answer.status, msgspec.json.decode(await answer.read())

    return visit(town, steps)


def faults(*each: tuple[str, str] | tuple[str, str, str]) -> dict[str, Any]:
    return {"errors": [dict(zip(("code", "message", "field"), fault, strict=False)) for fault in each]}


APPROVED = {"reviewer": "desk-3", "revision": 1}


class TestDrafts:
    def test_are_listed_with_their_number(self, town: Town) -> None:
        town.tell(draft("r-1"), draft("r-2", department="parks"))
        status, found = said(town, "/api/drafts")
        assert status == 200
        assert (found["total"], found["page"], found["page_size"]) == (2, 1, 50)
        first = found["drafts"][0]["draft"]
        assert (first["request_id"], first["revision"], first["state"]) == ("r-1", 1, "waiting")
        assert first["draft"]["classification"]["alternatives"][1] == {"service_code": "graffiti", "confidence": 0.2}

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("department=parks", ["r-2"]),
            ("department=streets,parks", ["r-1", "r-2"]),
            ("department=streets&department=parks", ["r-1", "r-2"]),
            ("department=", ["r-1", "r-2"]),
            ("service_code=graffiti", []),
            ("level=elevated,urgent", ["r-1", "r-2"]),
            ("level=urgent", []),
            ("page_size=1&page=2", ["r-2"]),
        ],
    )
    def test_are_found_by_department_category_and_level(self, town: Town, query: str, found: list[str]) -> None:
        town.tell(draft("r-1"), draft("r-2", department="parks"))
        answer = said(town, f"/api/drafts?{query}")[1]
        assert [lying["draft"]["request_id"] for lying in answer["drafts"]] == found

    def test_are_not_asked_for_in_words_that_nobody_knows(self, town: Town) -> None:
        assert said(town, "/api/drafts?level=huge&page=0&page_size=many") == (
            422,
            faults(
                (
                    "unknown_level",
                    "There is no level 'huge': expected one of life_safety, urgent, elevated, routine.",
                    "level",
                ),
                ("bad_page", "page='0': expected a number from 1 to 100000.", "page"),
                ("bad_page_size", "page_size='many': expected a number from 1 to 200.", "page_size"),
            ),
        )

    def test_have_their_revision_as_etag(self, town: Town) -> None:
        town.tell(draft(revision=7))

        async def steps(client: Client) -> tuple[int, str]:
            answer = await client.get("/api/drafts/r-1")
            return answer.status, answer.headers["ETag"]

        assert visit(town, steps) == (200, '"7"')

    def test_that_are_not_there_are_not_found(self, town: Town) -> None:
        expected = faults(("unknown_draft", "There is no draft of request 'r-9'."))
        assert said(town, "/api/drafts/r-9") == (404, expected)


class TestVerdicts:
    def test_are_accepted_once_kafka_has_them(self, town: Town) -> None:
        town.tell(draft())
        status, answer = said(town, "/api/drafts/r-1/approve", APPROVED)
        (review,) = town.kafka.sent
        assert status == 202
        assert answer == {
            "review_id": review.review_id,
            "request_id": "r-1",
            "verdict": "approve",
            "repeated": False,
        }
        assert (review.verdict, review.reviewer, review.draft) == ("approve", "desk-3", draft())

    def test_may_name_the_revision_as_if_match(self, town: Town) -> None:
        town.tell(draft(revision=3))
        assert said(town, "/api/drafts/r-1/approve", {"reviewer": "desk-3"}, If_Match='"3"')[0] == 202
        assert said(town, "/api/drafts/r-1/approve", {"reviewer": "desk-3"}, If_Match='"2"')[0] == 409
        assert said(town, "/api/drafts/r-1/approve", {"reviewer": "desk-3"}, If_Match="*")[0] == 422

    def test_correct_reject_and_unlink_as_they_say(self, town: Town) -> None:
        town.tell(draft("r-1"), draft("r-2"), draft("r-3", duplicate_of="r-1"))
        correction = {**APPROVED, "service_code": "graffiti", "department": "parks"}
        assert said(town, "/api/drafts/r-1/correct", correction)[0] == 202
        assert said(town, "/api/drafts/r-2/reject", {**APPROVED, "note": " a joke "})[0] == 202
        assert said(town, "/api/drafts/r-3/unlink", APPROVED)[0] == 202
        assert [
            (review.verdict, review.service_code, review.department, review.note) for review in town.kafka.sent
        ] == [("correct", "graffiti", "parks", ""), ("reject", "", "", "a joke"), ("unlink", "", "", "")]

    def test_may_say_that_another_request_is_the_same_incident(self, town: Town) -> None:
        town.tell(prioritized(draft("r-0")), draft("r-1"))
        status, answer = said(town, "/api/drafts/r-1/approve", {**APPROVED, "same_as": " r-0 "})
        assert (status, answer["verdict"]) == (202, "approve")
        assert [(review.verdict, review.same_as) for review in town.kafka.sent] == [("approve", "r-0")]
        town.tell(*town.kafka.sent)
        shown = said(town, "/api/drafts/r-1")[1]["draft"]["reviews"]
        assert [review["same_as"] for review in shown] == ["r-0"]

    @pytest.mark.parametrize(
        ("same_as", "code"),
        [
            ("r-9", "unknown_same_as"),
            ("r-1", "same_as_itself"),
            ("a/b", "bad_same_as"),
            ("\0", "bad_same_as"),
            ("r" * 65, "bad_same_as"),
        ],
    )
    def test_are_refused_where_there_is_no_such_request(self, town: Town, same_as: str, code: str) -> None:
        town.tell(draft("r-1"))
        status, answer = said(town, "/api/drafts/r-1/approve", {**APPROVED, "same_as": same_as})
        assert (status, [(fault["code"], fault["field"]) for fault in answer["errors"]]) == (422, [(code, "same_as")])
        assert town.kafka.sent == []

    @pytest.mark.parametrize("how", ["header", "body", "neither"])
    def test_sent_again_are_the_same_review(self, town: Town, how: str) -> None:
        town.tell(draft())
        body = {**APPROVED, "review_id": "click-1"} if how == "body" else APPROVED
        headers = {"Idempotency_Key": "click-1"} if how == "header" else {}
        first = said(town, "/api/drafts/r-1/approve", body, **headers)[1]
        status, again = said(town, "/api/drafts/r-1/approve", body, **headers)
        assert (status, again) == (202, {**first, "repeated": True})
        assert len(town.kafka.sent) == 1

    def test_that_come_second_are_refused(self, town: Town) -> None:
        town.tell(draft())
        said(town, "/api/drafts/r-1/approve", APPROVED)
        expected = faults(("already_decided", "Too late: it was approved by desk-3 already."))
        assert said(town, "/api/drafts/r-1/reject", {**APPROVED, "note": "no"}) == (409, expected)

    def test_of_who_may_not_are_refused(self, town: Town) -> None:
        town.tell(draft(department="parks"))
        message = "desk-3 may not decide for Parks: policy.yaml names its approvers."
        assert said(town, "/api/drafts/r-1/approve", APPROVED) == (
            403,
            faults(("not_an_approver", message, "reviewer")),
        )

    def test_are_read_strictly(self, town: Town) -> None:
        town.tell(draft())
        assert said(town, "/api/drafts/r-1/praise", APPROVED) == (
            404,
            faults(
                (
                    "unknown_verdict",
                    "There is no verdict 'praise': expected one of approve, correct, reject, unlink.",
                )
            ),
        )
        assert said(town, "/api/drafts/r-1/approve", {"departement": "parks"}) == (
            400,
            faults(("bad_body", "The verdict cannot be read: Object contains unknown field `departement`.")),
        )
        assert said(town, "/api/drafts/r-1/approve", "{") == (
            400,
            faults(("bad_body", "The verdict cannot be read: Input data was truncated.")),
        )
        form = {"Content_Type": "text/plain", "Sec_Fetch_Site": "same-origin"}
        assert said(town, "/api/drafts/r-1/approve", "revision=1", **form) == (
            415,
            faults(("not_json", "Send the verdict as application/json.")),
        )
        assert town.kafka.sent == []

    def test_say_so_when_they_may_not_have_been_stored(self, town: Town) -> None:
        town.tell(draft())
        town.kafka.unsure = 1
        message = "The verdict may not have been stored: Kafka did not confirm it. Try again; it counts once."
        assert said(town, "/api/drafts/r-1/approve", APPROVED) == (503, faults(("not_confirmed", message)))


class TestWhoAsks:
    @pytest.fixture
    def proxied(self, town: Town) -> Town:
        town.settings = ReviewSettings(user_header="X-Signed-In")
        town.tell(draft())
        return town

    def test_is_who_the_proxy_says(self, proxied: Town) -> None:
        assert said(proxied, "/api/drafts/r-1/approve", {"revision": 1}, X_Signed_In="desk-5")[0] == 202
        assert proxied.kafka.sent[0].reviewer == "desk-5"

    def test_is_nobody_without_the_proxys_word(self, proxied: Town) -> None:
        message = "The proxy did not say who you are: X-Signed-In is missing. Sign in again."
        assert said(proxied, "/api/drafts/r-1/approve", APPROVED) == (401, faults(("not_signed_in", message)))

    def test_cannot_be_somebody_else(self, proxied: Town) -> None:
        message = "You are signed in as desk-5: leave out the reviewer, or say the same."
        assert said(proxied, "/api/drafts/r-1/approve", APPROVED, X_Signed_In="desk-5") == (
            403,
            faults(("another_reviewer", message, "reviewer")),
        )


class TestOrigins:
    FOREIGN = (
        "foreign_origin",
        "This did not come from the console's own pages, so nothing was done: open the console and decide there.",
    )

    @pytest.mark.parametrize(
        "headers",
        [{"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Origin": "https://evil.example"}],
    )
    def test_that_are_foreign_get_nothing_done(self, town: Town, headers: dict[str, str]) -> None:
        town.tell(draft())
        assert said(town, "/api/drafts/r-1/approve", APPROVED, **headers) == (403, faults(self.FOREIGN))
        assert town.kafka.sent == []

    def test_that_are_our_own_do(self, town: Town) -> None:
        town.tell(draft())
        assert said(town, "/api/drafts/r-1/approve", APPROVED, Sec_Fetch_Site="same-origin")[0] == 202

    def test_under_a_name_that_is_not_ours_get_not_even_a_look(self, town: Town) -> None:
        message = "This console does not answer to the name 'evil.example': add it to REVIEW_HOSTS."
        assert said(town, "/api/drafts", Host="evil.example:8312") == (421, faults(("unknown_host", message)))

    def test_under_a_name_that_the_operator_gave_are_ours(self, town: Town) -> None:
        town.settings = ReviewSettings(hosts=("review.town.example",))
        assert said(town, "/api/drafts", Host="Review.Town.Example")[0] == 200


class Away(ReadModel):
    """A read model whose database does not answer."""

    def _ask(self, query: object) -> Any:  # noqa: ARG002 - as in ReadModel
        message = "the read model at sqlite:///x does not answer: closed for lunch"
        raise ReadModelAwayError(message)


def away(town: Town) -> Town:
    town.desk = Desk(model=Away(town.url), sender=Kafka(), city=CITY, clock=lambda: town.now, metrics=town.metrics)
    return town


def test_a_read_model_that_is_away_is_answered_503(town: Town) -> None:
    message = "The list of drafts cannot be read at present. Nothing was decided; try again in a moment."
    expected = (503, faults(("read_model_away", message)))
    assert said(away(town), "/api/drafts") == expected
    assert said(town, "/api/drafts/r-1/approve", APPROVED) == expected


def test_what_there_is_not_is_said_in_json_under_api(town: Town) -> None:
    assert said(town, "/api/nothing") == (404, faults(("not_found", "Not Found: GET /api/nothing")))
    assert said(town, "/api/drafts", {}) == (
        405,
        faults(("method_not_allowed", "Method Not Allowed: POST /api/drafts")),
    )


def test_a_body_that_is_too_large_is_not_read(town: Town) -> None:
    town.tell(draft())
    status, _ = said(town, "/api/drafts/r-1/approve", {**APPROVED, "note": "n" * 70_000})
    assert status == 413


def probe(town: Town, path: str) -> tuple[int, str]:
    async def steps(client: Client) -> tuple[int, str]:
        answer = await client.get(path, headers={"Host": "10.1.2.3:8312"})
        return answer.status, await answer.text()

    return visit(town, steps)


def test_probes_say_what_is_away(town: Town) -> None:
    assert probe(town, "/healthz") == (200, "ok\n")
    assert probe(town, "/readyz") == (200, "ok\n")
    town.kafka.fault = "Kafka does not answer"
    assert probe(town, "/readyz") == (503, "Kafka does not answer\n")
    assert probe(away(town), "/readyz") == (
        503,
        "the read model at sqlite:///x does not answer: closed for lunch\n",
    )
    assert probe(town, "/healthz") == (200, "ok\n")


def test_calls_and_verdicts_are_counted(town: Town) -> None:
    town.tell(draft())
    said(town, "/api/drafts/r-1/approve", APPROVED)
    said(town, "/api/nothing")
    status, text = probe(town, "/metrics")
    assert status == 200
    assert re.findall(r"^stormdrain_(?:http_requests|records_produced)_total\{(.*)\} (.*)$", text, re.MULTILINE) == [
        ('topic="reviews.made.v1",worker="review"', "1.0"),
        ('method="POST",route="/api/drafts/{request_id}/{verdict}",status="202",worker="review"', "1.0"),
        ('method="GET",route="none",status="404",worker="review"', "1.0"),
    ]
