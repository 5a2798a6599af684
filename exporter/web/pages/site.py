"""The pages over HTTP: routes, the reader's language, templates, and the files beside them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import urlsplit

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from exporter import __version__
from exporter.api.client import API_PATH, stat_path
from exporter.api.model import STATUSES, TaskRef, TaskState
from exporter.lists.choices import Choice
from exporter.patterns import UUID
from exporter.web.exporter import Exporter
from exporter.web.negotiation import choose_language
from exporter.web.pages import detail, overview
from exporter.web.pages.detail import Missing
from exporter.web.pages.judging import Survey
from exporter.web.pages.language import (
    LANGUAGES,
    TAGS,
    Ago,
    Ahead,
    Language,
    Moment,
    Phrase,
    Share,
    Span,
    Speaker,
    number,
    percent,
    phrase,
)
from exporter.web.pages.question import Question, Show, Sort
from exporter.web.pages.verdict import exporter_notices
from exporter.words.labels import FLAGS

LANGUAGE_COOKIE: Final = "lang"

_COOKIE_SECONDS: Final = 365 * 86_400
_TASKS_AT_ONCE: Final = 100  # that are judged before others have their turn: a few milliseconds
_PIECES_AT_ONCE: Final = 200  # of a page that is rendered, likewise
_HERE: Final = Path(__file__).parent
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def add_pages(app: web.Application, exporter: Exporter) -> None:
    """Register the pages and the files they need with an application."""
    pages = _Pages(exporter)
    app.add_routes(
        [
            web.get("/", pages.overview),
            web.get("/task", pages.task),
            web.get("/static/{name}", pages.static),
        ]
    )


class _Pages:
    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._turn = asyncio.Lock()  # one survey of all tasks at a time: a few megabytes while it is made
        self._files = {path.name: path.read_bytes() for path in sorted((_HERE / "static").iterdir())}
        self._build = hashlib.sha256(b"".join(self._files.values())).hexdigest()[:12]
        environment = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals.update(
            {
                "Ago": Ago, "Ahead": Ahead, "Moment": Moment, "Share": Share, "Span": Span, "build": self._build,
                "percent": percent, "shows": tuple(Show), "sorts": tuple(Sort), "states": tuple(TaskState),
                "statuses": STATUSES, "version": __version__,
            }
        )  # fmt: skip
        self._templates = {name: environment.get_template(name) for name in environment.list_templates()}

    async def overview(self, request: web.Request) -> web.Response:
        """Answer the overview."""
        async with self._turn:
            return await self._overview(request)

    async def _overview(self, request: web.Request) -> web.Response:
        exporter, store = self._exporter, self._exporter.store
        survey = Survey(store.clock())
        records = store.records()
        for start in range(0, len(records), _TASKS_AT_ONCE):
            survey.take(records[start : start + _TASKS_AT_ONCE])
            await asyncio.sleep(0)
        question = Question.read(request.query)
        facts = {name: account.facts() for name, account in exporter.accounts.items()}
        notices = exporter_notices(exporter)
        view = overview.make_overview(question, survey, store.accounts(), facts, self._next_poll, notices)
        await asyncio.sleep(0)
        used = {status for row in view.rows for status, count in row.seen.numbers.items() if count}
        return await self._page(request, "overview", view=view, used=used, now=survey.now)

    async def task(self, request: web.Request) -> web.Response:
        """Answer a task's page, or one that says why there is none."""
        account, task = request.query.get("account", ""), request.query.get("task", "").lower()
        if not account or not UUID.fullmatch(task):
            return await self._missing(request, Missing([phrase("missing.bad_id")]), HTTPStatus.BAD_REQUEST)
        store, now = self._exporter.store, self._exporter.store.clock()
        found = detail.find(self._exporter, account, task)
        if isinstance(found, Missing):
            return await self._missing(request, found, HTTPStatus.NOT_FOUND)
        if isinstance(found, Choice):
            sentences = Missing([phrase(f"hidden.{found.hidden_by}")])
            return await self._missing(request, sentences, HTTPStatus.OK, found.task.name or task)
        is_down = store.account(account).up is False
        next_poll = self._next_poll(found.status.task.ref)
        held = self._held_seconds(account)
        view = detail.make_detail(
            found,
            self._exporter.page(),
            next_poll,
            now,
            is_account_down=is_down,
            paused_until=now + held if held > 1 else None,
        )
        path = self._path(found.status.task.ref)
        return await self._page(request, "task", view=view, numbers=view.seen.numbers, path=path, now=now)

    def _held_seconds(self, account: str) -> float:
        """Return the seconds for which an account is still paused."""
        polled = self._exporter.accounts.get(account)
        return 0.0 if polled is None else polled.facts().held_seconds

    def _path(self, ref: TaskRef) -> str:
        """Return the path, without the host, by which a task's statistics are asked for."""
        account = next((each for each in self._exporter.settings.accounts if each.name == ref.account), None)
        if account is None:
            return ""
        query = f"?sub_user_id={ref.sub_user_id}" if ref.sub_user_id else ""
        return f"{urlsplit(account.base_url).path}{API_PATH}{stat_path(account.user_id, ref)}{query}"

    def _next_poll(self, ref: TaskRef) -> float | None:
        """Return the seconds until a task's next poll; None: it is not polled, or a poll is under way."""
        account = self._exporter.accounts.get(ref.account)
        return None if account is None else account.poller.next_poll(ref)

    async def static(self, request: web.Request) -> web.Response:
        """Answer a file of the pages; its link changes when it does, so it may be kept."""
        name = request.match_info["name"]
        if name not in self._files:
            raise web.HTTPNotFound
        headers = {"Cache-Control": "public, max-age=31536000, immutable"}
        return web.Response(
            body=self._files[name], content_type=_TYPES[Path(name).suffix], charset="utf-8", headers=headers
        )

    async def _missing(self, request: web.Request, why: Missing, status: HTTPStatus, name: str = "") -> web.Response:
        speaker = self._speaker(request)
        title = name or speaker("missing.title")
        return await self._page(
            request, "missing", status, title=title, sentences=why.sentences, elsewhere=why.elsewhere
        )

    async def _page(
        self, request: web.Request, template: str, status: HTTPStatus = HTTPStatus.OK, **values: Any
    ) -> web.Response:
        say = self._speaker(request)

        def shown(name: str, value: float) -> str:
            return _shown(say, name, value)

        def sentence(parts: Sequence[Phrase]) -> str:
            text = say("and").join(map(say, parts)) + say("stop")
            return text[:1].upper() + text[1:]

        pieces = self._templates[f"{template}.html"].generate(
            say=say,
            shown=shown,
            sentence=sentence,
            language=say.language,
            tag=TAGS[say.language],
            zone=str(say.timezone),
            offset=say.zone(self._exporter.store.clock()),
            grafana=self._exporter.settings.links.grafana,
            board="-zh" if say.language == "zh" else "",
            languages=[(code, name, _in_language(request, code)) for code, name in LANGUAGES.items()],
            **values,
        )
        text = await _in_turns(pieces)
        headers = {"Cache-Control": "no-store", "Vary": "Accept-Language, Cookie"}
        response = web.Response(status=status, text=text, content_type="text/html", headers=headers)
        response.enable_compression()
        if request.query.get("lang") == say.language:
            response.set_cookie(
                LANGUAGE_COOKIE,
                say.language,
                max_age=_COOKIE_SECONDS,
                httponly=True,
                samesite="Lax",
                secure=request.secure,
            )
        return response

    def _speaker(self, request: web.Request) -> Speaker:
        """Speak the language that was switched to, now or before, or else that of the browser."""
        for wish in (request.query.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
            if wish in LANGUAGES:
                return Speaker(cast("Language", wish), self._exporter.settings.timezone)
        return Speaker(
            choose_language(request.headers.get("Accept-Language", ""), tuple(LANGUAGES)),
            self._exporter.settings.timezone,
        )


async def _in_turns(pieces: Iterator[str]) -> str:
    """Join the pieces of a page, and let others have their turn in between."""
    text: list[str] = []
    while some := list(islice(pieces, _PIECES_AT_ONCE)):
        text += some
        await asyncio.sleep(0)
    return "".join(text)


def _in_language(request: web.Request, language: str) -> str:
    """Return the link to the same page in a language."""
    url = request.rel_url.update_query(lang=language)
    return f"{url.path.rpartition('/')[2] or './'}?{url.raw_query_string}"


def _shown(say: Speaker, name: str, value: float) -> str:
    """Format a sample's value for people, by the unit in its metric's name."""
    if name.endswith(("_ratio", "_ratio_threshold")):
        return percent(value)
    if name.endswith("_timestamp_seconds"):
        return say.moment(value)
    if name.endswith("_seconds"):
        return str(say.value(Span(value)))
    if name in ("yunfu_task_up", "yunfu_task_state"):
        return say(FLAGS[bool(value)])
    return number(value)
