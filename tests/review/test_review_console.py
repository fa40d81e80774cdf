"""The pages as a browser gets them, with and without a script."""

import re

import pytest
from review_doubles import NOON, Town, a_town, draft, prioritized
from review_pages import OURS, see

from services.events import SurgeDetected
from services.review.settings import ReviewSettings

town = a_town


class TestQueue:
    def test_shows_all_that_a_person_needs_to_decide(self, town: Town) -> None:
        earlier = draft("r-0", text="Hole near the ferry", address="3 Ferry Steps")
        later = draft("r-1", duplicate_of="r-0", attributes={"size": ["as a plate"]}, service_code="other")
        town.tell(prioritized(earlier), prioritized(later), later)
        page = see(town, "/")
        assert page.status == 200
        for words in (
            "Little Haven",
            "1 draft waits",
            "Elevated",
            "Pothole, 1 Ferry Steps",
            "Due in 3 h",
            "A hole by the ferry steps",
            "Danger to life? deep hole",
            "44.50000, -63.50000 (to 12 m)",
            "The citizen picked Something else",
            "How big? as a plate",
            "Received 5 min ago by app r-1",
            "May repeat this one 71 %",
            "Hole near the ferry",
            "34 m away, 90 min earlier, words 50 % alike",
            "3 Ferry Steps",
            "not sure enough that it is Pothole",
            "Pothole 62 % 62 % 80 % needed",
            "Or rather Graffiti 20 %",
            "Streets roadway in the city's care",
            "districts: Old Port",
            "Not harbour: the place is not in the harbour",
            "40 of 100, elevated, due Sun 4 May 2031, 12:00",
            "+12 near a school",
            "\N{MINUS SIGN}3 a known reporter",
            "Not the same: release alone",
        ):
            assert words in page.words, words

    def test_offers_as_one_click_only_categories_that_the_city_has(self, town: Town) -> None:
        town.tell(draft())
        assert re.findall(r'name="choice" value="([^"]*)"', see(town, "/").source) == ["graffiti"]

    def test_says_when_nothing_waits(self, town: Town) -> None:
        page = see(town, "/")
        assert "0 drafts wait" in page.words
        assert "Nothing waits here. Well done." in page.words

    def test_has_pages_that_keep_what_was_asked_for(self, town: Town) -> None:
        town.settings = ReviewSettings(page_size=1)
        town.tell(draft("r-1"), draft("r-2"), draft("r-3"), draft("r-4", department="parks"))
        page = see(town, "/?department=streets&page=2")
        assert "Page 2 of 3" in page.words
        assert re.findall(r'<a href="([^"]*)" rel="(?:prev|next)"', page.source) == [
            "/?department=streets&amp;page=1",
            "/?department=streets&amp;page=3",
        ]
        assert 'id="d-r-2"' in page.source
        assert 'action="/drafts/r-2?department=streets&amp;page=2"' in page.source

    def test_shows_surges_by_the_towns_own_names(self, town: Town) -> None:
        town.tell(
            SurgeDetected(
                service_code="graffiti",
                area="somewhere",
                window_start=NOON,
                window_s=900,
                count=46,
                baseline=4.0,
                ratio=11.5,
            )
        )
        assert "Graffiti: 46 reports in 15 min in somewhere, 12 times as many as usual" in see(town, "/").words

    def test_leaves_who_may_not_decide_without_buttons(self, town: Town) -> None:
        town.tell(draft(department="parks"))
        page = see(town, "/")
        assert "desk-3 may not decide for Parks: policy.yaml names its approvers." in page.words
        assert 'name="verdict"' not in page.source
        assert 'name="verdict"' in see(town, "/", reviewer="gardener").source

    def test_asks_who_is_there_before_it_offers_buttons(self, town: Town) -> None:
        town.tell(draft())
        page = see(town, "/", reviewer="")
        assert "Say who you are, at the top, to decide." in page.words
        assert 'name="verdict"' not in page.source

    def test_refuses_a_filter_that_nobody_knows(self, town: Town) -> None:
        page = see(town, "/?level=huge")
        assert page.status == 422
        assert "There is no level 'huge': expected one of life_safety, urgent, elevated, routine." in page.words


class TestForms:
    @pytest.mark.parametrize(
        ("form", "sent"),
        [
            ({"verdict": "approve", "service_code": "", "department": "", "note": ""}, ("approve", "", "", "")),
            ({"choice": "graffiti", "department": "parks"}, ("correct", "graffiti", "parks", "")),
            ({"verdict": "correct", "service_code": "graffiti"}, ("correct", "graffiti", "", "")),
            ({"verdict": "reject", "note": " a joke\r\nreally "}, ("reject", "", "", "a joke\nreally")),
        ],
    )
    def test_are_taken_and_lead_back_to_the_queue(
        self, town: Town, form: dict[str, str], sent: tuple[str, ...]
    ) -> None:
        town.tell(draft())
        page = see(town, "/drafts/r-1?department=streets&page=2&to=https://evil.example", {**form, "revision": "1"})
        (review,) = town.kafka.sent
        assert (review.verdict, review.service_code, review.department, review.note) == sent
        assert review.reviewer == "desk-3"
        assert page.status == 303
        assert page.location == f"/?department=streets&page=2&done={sent[0]}&id=r-1"

    def test_are_acknowledged_in_words(self, town: Town) -> None:
        assert "Request r-1: rejected." in see(town, "/?done=reject&id=r-1").words
        page = see(town, "/?done=<b>&id=<script>")
        assert 'class="done"' not in page.source

    def test_that_are_refused_show_the_draft_with_what_was_typed(self, town: Town) -> None:
        town.tell(draft(revision=2))
        form = {
            "verdict": "reject",
            "revision": "1",
            "note": "it's <gone>",
            "service_code": "graffiti",
            "department": "parks",
        }
        page = see(town, "/drafts/r-1?page=3", form)
        assert page.status == 409
        assert "The draft has changed since you saw it: that was revision 1, this is 2. Look again." in page.words
        assert "it&#39;s &lt;gone&gt;</textarea>" in page.source
        assert '<option value="graffiti" selected>' in page.source
        assert '<option value="parks" selected>' in page.source
        assert '<input type="hidden" name="revision" value="2">' in page.source
        assert '<a href="/?page=3">' in page.source

    @pytest.mark.parametrize("revision", ["", "x", "-1", "²", "9999999999"])
    def test_without_a_revision_are_refused(self, town: Town, revision: str) -> None:
        town.tell(draft())
        page = see(town, "/drafts/r-1", {"verdict": "approve", "revision": revision})
        assert (page.status, town.kafka.sent) == (422, [])

    def test_without_a_verdict_are_refused(self, town: Town) -> None:
        town.tell(draft())
        page = see(town, "/drafts/r-1", {"revision": "1"})
        assert page.status == 422
        assert "Choose what to do: approve, correct or reject." in page.words

    def test_of_nobody_are_refused(self, town: Town) -> None:
        town.tell(draft())
        page = see(town, "/drafts/r-1", {"verdict": "approve", "revision": "1"}, reviewer="")
        assert (page.status, town.kafka.sent) == (422, [])
        assert "Say who you are: a verdict needs a reviewer." in page.words

    def test_about_nothing_are_not_found(self, town: Town) -> None:
        page = see(town, "/drafts/r-9", {"verdict": "approve", "revision": "1"})
        assert page.status == 404
        assert "There is no draft of request r-9." in page.words

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "none"},
            {"Origin": "null"},
            {"Origin": "https://evil.example"},
        ],
    )
    def test_from_elsewhere_get_nothing_done(self, town: Town, headers: dict[str, str]) -> None:
        town.tell(draft())
        page = see(town, "/drafts/r-1", {"verdict": "approve", "revision": "1"}, headers=headers)
        assert (page.status, town.kafka.sent) == (403, [])
        assert "This did not come from the console's own pages" in page.words

    def test_of_an_older_browser_are_known_by_their_origin(self, town: Town) -> None:
        town.tell(draft())
        form = {"verdict": "approve", "revision": "1"}
        ours = {"Origin": "http://localhost:8312", "Host": "localhost:8312"}
        assert see(town, "/drafts/r-1", form, headers=ours).status == 303


class TestWhoIsThere:
    def test_is_kept_in_a_cookie_that_scripts_and_strangers_do_not_get(self, town: Town) -> None:
        page = see(town, "/me?level=urgent", {"reviewer": " Åse; desk 3 "}, reviewer="")
        assert (page.status, page.location) == (303, "/?level=urgent")
        assert page.cookies["reviewer"] == (
            "reviewer=%C3%85se%3B%20desk%203; HttpOnly; Max-Age=31536000; Path=/; SameSite=Strict"
        )
        assert 'value="Åse; desk 3"' in see(town, "/", reviewer="%C3%85se%3B%20desk%203").source

    def test_can_be_forgotten(self, town: Town) -> None:
        assert "Max-Age=0" in see(town, "/me", {"reviewer": ""}).cookies["reviewer"]

    def test_is_who_the_proxy_says_whatever_the_cookie_says(self, town: Town) -> None:
        town.settings = ReviewSettings(user_header="X-Signed-In")
        town.tell(draft())
        page = see(town, "/", reviewer="gardener", headers={**OURS, "X-Signed-In": "desk-5"})
        assert "Signed in as desk-5" in page.words
        form = {"verdict": "approve", "revision": "1"}
        see(town, "/drafts/r-1", form, reviewer="gardener", headers={**OURS, "X-Signed-In": "desk-5"})
        assert [review.reviewer for review in town.kafka.sent] == ["desk-5"]
        assert see(town, "/drafts/r-1", form, reviewer="gardener").status == 401


class TestSafety:
    EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>"

    def test_what_citizens_wrote_is_text_and_never_markup(self, town: Town) -> None:
        held = draft(
            text=self.EVIL,
            address=self.EVIL,
            attributes={self.EVIL: [self.EVIL]},
            media_urls=("javascript:alert(1)", "data:text/html,x", 'https://x.example/"><b>'),
        )
        town.tell(held)
        for path in ("/", "/drafts/r-1"):
            page = see(town, path)
            assert page.words.count("alert(1)") == 10
            assert page.source.count("<script") == 1
            assert "<img" not in page.source
            assert "javascript:" not in page.source
            assert re.findall(r'href="(https:[^"]*)" target="_blank" rel="([^"]*)"', page.source) == [
                ("https://x.example/&#34;&gt;&lt;b&gt;", "noopener noreferrer nofollow")
            ]

    @pytest.mark.parametrize("path", ["/", "/drafts/r-9", "/nothing", "/static/console.css", "/api/drafts"])
    def test_every_answer_tells_the_browser_what_it_may_do(self, town: Town, path: str) -> None:
        headers = see(town, path).headers
        assert headers["Content-Security-Policy"] == (
            "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cache-Control"] in {"no-store", "no-cache"}

    def test_nothing_is_fetched_from_elsewhere(self, town: Town) -> None:
        town.tell(draft())
        page = see(town, "/")
        assert set(re.findall(r'(?:src|href|action)="([^"?]*)', page.source)) == {
            "#drafts",
            "/",
            "/drafts/r-1",
            "/me",
            "/static/console.css",
            "/static/console.js",
            "/static/console.svg",
        }


@pytest.mark.parametrize(
    ("name", "kind"),
    [("console.css", "text/css"), ("console.js", "text/javascript"), ("console.svg", "image/svg+xml")],
)
def test_style_script_and_picture_are_served_as_what_they_are(town: Town, name: str, kind: str) -> None:
    page = see(town, f"/static/{name}")
    assert (page.status, page.headers["Content-Type"].partition(";")[0]) == (200, kind)
    assert see(town, "/static/layout.html").status == 404


def test_a_decided_draft_says_who_decided_what(town: Town) -> None:
    town.tell(draft())
    see(town, "/drafts/r-1", {"verdict": "reject", "revision": "1", "note": "a joke"})
    town.tell(*town.kafka.sent)
    page = see(town, "/drafts/r-1")
    assert "desk-3 rejected Sun 4 May 2031, 09:00 : “a joke”" in page.words
    assert "Decided: rejected." in page.words
    assert 'name="verdict"' not in page.source


def test_what_there_is_not_is_a_page(town: Town) -> None:
    page = see(town, "/nothing")
    assert page.status == 404
    assert "Not Found: GET /nothing" in page.words
