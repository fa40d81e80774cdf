"""The pages: a queue of drafts, one draft, and forms that work without a script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.review.api import LEVELS, read_filter
from services.review.core import LONGEST_NOTE, LONGEST_REVIEWER, SAID, VERDICTS, Fault, Refused, Verdict, Wanted
from services.review.desk import Desk
from services.review.guard import REVIEWER_COOKIE, reviewer_of
from services.review.settings import ReviewSettings
from services.review.showing import LEVEL_NAMES, card, choices, departments, surge_lines

PAGES: Final = Path(__file__).parent / "pages"
FILTERS: Final = ("department", "service_code", "level", "page")
STATIC: Final = {"console.css": "text/css", "console.js": "text/javascript", "console.svg": "image/svg+xml"}
_YEAR_S: Final = 365 * 24 * 3600


class Console:
    """The handlers."""

    def __init__(self, desk: Desk, settings: ReviewSettings, clock: Callable[[], datetime]) -> None:
        self._desk = desk
        self._settings = settings
        self._clock = clock
        self._templates = Environment(
            loader=FileSystemLoader(PAGES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def routes(self) -> list[web.RouteDef]:
        """Give the routes."""
        return [
            web.get("/", self.queue),
            web.get(r"/drafts/{request_id:[\w-]{1,64}}", self.draft),
            web.post(r"/drafts/{request_id:[\w-]{1,64}}", self.decide),
            web.post("/me", self.introduce),
            web.get(r"/static/{name:[a-z.]{1,32}}", self.static),
        ]

    async def queue(self, request: web.Request) -> web.Response:
        """Show the drafts that wait."""
        wanted = read_filter(request, self._settings.page_size)
        if isinstance(wanted, Refused):
            return await self.refuse(request, wanted)
        queue, town = await asyncio.gather(self._desk.queue(wanted), self._desk.town())
        city, reviewer, now = self._desk.city, self._reviewer(request), self._clock()
        pages = -(-queue.total // queue.page_size)
        return self._page(
            "queue.html",
            request,
            cards=[card(lying, city=city, reviewer=reviewer, now=now) for lying in queue.drafts],
            total=queue.total,
            page=queue.page,
            pages=pages,
            earlier=self._query(request, page=str(queue.page - 1)) if queue.page > 1 else "",
            later=self._query(request, page=str(queue.page + 1)) if queue.page < pages else "",
            departments=departments(city, town.counts.waiting),
            waiting=sum(town.counts.waiting.values()),
            levels=[(level, LEVEL_NAMES[level]) for level in LEVELS],
            chosen={name: request.query.get(name, "") for name in FILTERS},
            surges=surge_lines(town.surges, city),
            done=_done(request),
        )

    async def draft(self, request: web.Request) -> web.Response:
        """Show one draft, decided or not."""
        return await self._draft(request, Refused(HTTPStatus.OK, ()))

    async def decide(self, request: web.Request) -> web.Response:
        """Take a verdict from a form; back to the queue if it was taken, or the draft again with what is wrong."""
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        reviewer = reviewer_of(request, self._settings, self._reviewer(request))
        if isinstance(reviewer, Refused):
            return await self.refuse(request, reviewer)
        choice, same_as = form.get("choice", ""), form.get("same_as", "")
        verdict = _verdict(form)
        if verdict is None:
            fault = Fault("unknown_verdict", "Choose what to do: approve, correct or reject.")
            return await self._draft(request, Refused(HTTPStatus.UNPROCESSABLE_ENTITY, (fault,)), form)
        revision = form.get("revision", "")
        wanted = Wanted(
            request_id=request.match_info["request_id"],
            verdict=verdict,
            reviewer=reviewer,
            revision=int(revision) if revision.isascii() and revision.isdigit() and len(revision) < 10 else None,  # noqa: PLR2004 - fits an integer
            note=form.get("note", "").strip().replace("\r\n", "\n"),
            service_code=choice or form.get("service_code", ""),
            department=form.get("department", ""),
            same_as=same_as,
        )
        done = await self._desk.decide(wanted)
        if isinstance(done, Refused):
            return await self._draft(request, done, form)
        linked = {"same_as": same_as} if same_as else {}
        return _see(self._query(request, done=done.verdict, id=done.request_id, **linked))

    async def introduce(self, request: web.Request) -> web.Response:
        """Keep the name that a person gives, in a cookie of this browser."""
        form = await request.post()
        name = str(form.get("reviewer", "")).strip()[:LONGEST_REVIEWER]
        back = _see(self._query(request))
        if name:
            back.set_cookie(REVIEWER_COOKIE, quote(name), max_age=_YEAR_S, httponly=True, samesite="Strict")
        else:
            back.del_cookie(REVIEWER_COOKIE)
        return back

    async def static(self, request: web.Request) -> web.StreamResponse:
        """Give the style sheet or the script."""
        name = request.match_info["name"]
        if name not in STATIC:
            raise web.HTTPNotFound
        return web.FileResponse(PAGES / name, headers={"Content-Type": STATIC[name], "Cache-Control": "no-cache"})

    async def refuse(self, request: web.Request, refused: Refused) -> web.Response:
        """Show a page that says what is wrong, and nothing else."""
        return self._page("refused.html", request, status=refused.status, faults=refused.faults)

    async def _draft(self, request: web.Request, refused: Refused, form: dict[str, str] | None = None) -> web.Response:
        lying = await self._desk.draft(request.match_info["request_id"])
        if lying is None:
            message = f"There is no draft of request {request.match_info['request_id']}."
            unknown = Refused(HTTPStatus.NOT_FOUND, (Fault("unknown_draft", message),))
            return await self.refuse(request, unknown)
        shown = card(lying, city=self._desk.city, reviewer=self._reviewer(request), now=self._clock())
        return self._page(
            "draft.html", request, status=refused.status, card=shown, faults=refused.faults, typed=form or {}
        )

    def _page(
        self,
        template: str,
        request: web.Request,
        *,
        status: HTTPStatus = HTTPStatus.OK,
        **values: Any,  # noqa: ANN401 - a template takes anything
    ) -> web.Response:
        city = self._desk.city
        text = self._templates.get_template(template).render(
            city=city,
            families=choices(city),
            offices=departments(city, {}),
            reviewer=self._reviewer(request),
            signed_in=bool(self._settings.user_header),
            back=self._query(request),
            longest_note=LONGEST_NOTE,
            **values,
        )
        return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")

    def _reviewer(self, request: web.Request) -> str:
        if self._settings.user_header:
            return request.headers.get(self._settings.user_header, "").strip()
        return unquote(request.cookies.get(REVIEWER_COOKIE, ""))[:LONGEST_REVIEWER]

    def _query(self, request: web.Request, **changes: str) -> str:
        """Give the filters of a page as a query, so that a person comes back to where they were."""
        kept = {name: request.query[name] for name in FILTERS if request.query.get(name)}
        return urlencode(kept | changes)


def _see(query: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": f"/?{query}"})


def _verdict(form: Mapping[str, str]) -> Verdict | None:
    """Give what a form says: each of its buttons says it in its own way.

    Who links a report and has chosen another category or department beside it means both.
    """
    if form.get("choice"):
        return "correct"
    if form.get("same_as"):
        return "correct" if form.get("service_code") or form.get("department") else "approve"
    return next((each for each in VERDICTS if each == form.get("verdict")), None)


def _done(request: web.Request) -> str:
    verdict, request_id, same_as = (request.query.get(name, "")[:64] for name in ("done", "id", "same_as"))
    said = next((said for each, said in SAID.items() if each == verdict), "")
    linked = f", same incident as {same_as}" if same_as else ""
    return f"Request {request_id}: {said}{linked}." if said else ""
