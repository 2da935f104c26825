"""The endpoints that stream, as routes: bodies into a store, files out of it.

They have threads of their own, one for each transfer: slow ones never keep a record waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from millrace.api.endpoint import Reply
from millrace.asgi import files
from millrace.asgi.bodies import (
    announced_size,
    read_body,
    refuse_coding,
    require_json,
    require_type,
)
from millrace.asgi.exchange import Answer, Streamed
from millrace.core import bundles, clock, wire
from millrace.core.errors import InvalidArgument, TooLarge, Unavailable
from millrace.server.actors import stated
from millrace.server.cores import CORES
from millrace.server.pipes import Pipe, Tap
from millrace.server.sending import Parcel, deliver
from millrace.services.context import Context
from millrace.services.folders import Archive, Bundle
from millrace.services.offers import Offer
from millrace.services.outlet import CHECKED_FIRST, Replaced
from millrace.services.run_export import RunFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from millrace.api.endpoint import Endpoint
    from millrace.asgi.exchange import Headers, Incoming, Receive, Scope, Send
    from millrace.asgi.protocol import Link
    from millrace.core.entities.artifact import ArtifactRecord
    from millrace.core.errors import MillraceError
    from millrace.server.bridge import Bridge
    from millrace.services.outlet import Opened
    from millrace.services.platform import Admit, Download, Glance, TakeBundle, Upload
    from millrace.services.together import Groups

SMALL_BYTES: Final = 256 * 1024
"""A file up to this size goes in one piece: to stream it would take longer."""


_TRIES = 10


class Intake(NamedTuple):
    """What takes the files of one endpoint in: one by one, or small ones in groups."""

    upload: Upload
    admit: Admit
    groups: Groups


class UploadRoute:
    """One endpoint that takes a file, under one of its paths."""

    def __init__(
        self,
        endpoint: Endpoint[Any, Any],
        path: str,
        intake: Intake,
        bridge: Callable[[], Bridge],
        *,
        limit: int | None = None,
    ) -> None:
        self.method: str = endpoint.method
        self.path = path
        self._type = endpoint.request
        self._intake = intake
        self._bridge = bridge
        self._limit = limit

    async def answer(self, incoming: Incoming, receive: Receive) -> Answer:
        """Answer one request; see `asgi.dispatch.Route`."""
        headers = incoming.headers
        refuse_coding(headers)
        request = _arguments(self._type, incoming)
        size = announced_size(headers)
        offer = Offer(
            size=size,
            digests=files.sent_digests(headers),
            # What came meanwhile is not replaced either.
            replace=headers.get(b"if-none-match", b"").strip() != b"*",
            expects=partial(files.check_match, headers) if _has_condition(headers) else None,
        )
        context = _context(incoming)
        take = partial(self._intake.upload, context, request)
        if self._limit is not None or (size is not None and size <= SMALL_BYTES):
            body = await self._read(receive, headers)
            record = await self._take_small(context, request, body, offer)
            if record is None:
                record = await self._bridge().run(lambda: take([body], offer))
        else:
            record = await self._take_large(take, offer, incoming, receive)
        return Answer(
            content_type=b"", headers=tuple(files.tag_headers(record.sha256, record.sha256))
        )

    async def _take_large(
        self,
        take: Callable[[Iterable[bytes], Offer], ArtifactRecord],
        offer: Offer,
        incoming: Incoming,
        receive: Receive,
    ) -> ArtifactRecord:
        link: Link | None = incoming.link
        loan = link.lend_body(offer.size) if link is not None and offer.size is not None else None
        if link is not None and loan is not None:
            return await self._take_lent(lambda body: take(body, offer), link, Tap(loan))
        loop = asyncio.get_running_loop()
        pipe = Pipe(loop, waits=b"expect" in incoming.headers, link=link)
        filling = asyncio.ensure_future(pipe.fill(receive))
        try:
            return await self._bridge().run(CORES.transfer()(lambda: take(pipe, offer)))
        finally:
            filling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await filling

    async def _take_lent(
        self, take: Callable[[Iterable[bytes]], ArtifactRecord], link: Link, tap: Tap
    ) -> ArtifactRecord:
        @CORES.transfer()
        def read() -> ArtifactRecord:
            if not tap.claim():
                raise Unavailable("The server has stopped.")
            try:
                return take(tap)
            finally:
                tap.close()

        try:
            return await self._bridge().run(read)
        finally:
            if tap.is_read:
                link.end_body()
            tap.stop()

    async def _take_small(
        self, context: Context, request: object, body: bytes, offer: Offer
    ) -> ArtifactRecord | None:
        """Take it in with others that come now; None: it has to go by itself."""
        if len(body) > SMALL_BYTES:
            return None
        admit = partial(self._intake.admit, context, request, body, offer)
        return await self._bridge().outcome(self._intake.groups.take(admit))

    async def _read(self, receive: Receive, headers: dict[bytes, bytes]) -> bytes:
        if self._limit is None:
            return await read_body(receive, headers, SMALL_BYTES)
        try:
            body = await read_body(receive, headers, self._limit)
        except TooLarge as error:
            raise InvalidArgument(
                f"The file is larger than {self._limit} bytes; send it through the artifact proxy."
            ) from error
        if not body:
            raise InvalidArgument("The body is empty; it must hold the file.")
        return body


class BundleRoute:
    """One endpoint that takes many small files at once, under one of its paths."""

    def __init__(
        self,
        endpoint: Endpoint[Any, Any],
        path: str,
        take: TakeBundle,
        bridge: Callable[[], Bridge],
    ) -> None:
        self.method: str = endpoint.method
        self.path = path
        self._type = endpoint.request
        self._limit = endpoint.body_limit
        self._take = take
        self._bridge = bridge

    async def answer(self, incoming: Incoming, receive: Receive) -> Answer:
        """Answer one request; see `asgi.dispatch.Route`."""
        require_type(incoming.headers, bundles.MEDIA_TYPE)
        request = _arguments(self._type, incoming)
        body = await read_body(receive, incoming.headers, self._limit)
        take = partial(self._take, _context(incoming), request, body)
        return Answer(wire.encode(await self._bridge().run(take)))


class DownloadRoute:
    """One endpoint that gives a file, under one of its paths; of a POST the body asks for it."""

    def __init__(
        self,
        endpoint: Endpoint[Any, Any],
        path: str,
        download: Download,
        bridge: Callable[[], Bridge],
        glance: Glance | None = None,
    ) -> None:
        self.method: str = endpoint.method
        self.path = path
        self._type = endpoint.request
        self._decode = wire.decoder(endpoint.request)
        self._limit = endpoint.body_limit
        self._download = download
        self._bridge = bridge
        self._glance = glance

    async def answer(self, incoming: Incoming, receive: Receive) -> Answer | Streamed:
        """Answer one request; see `asgi.dispatch.Route`."""
        if self._glance is not None:
            # To a thread and back would take longer than all else.
            found = self._glance(_arguments(self._type, incoming), SMALL_BYTES)
            if found is not None:
                return self._prepared(found, incoming)
        return await self._fetched(incoming, receive)

    async def _fetched(self, incoming: Incoming, receive: Receive) -> Answer | Streamed:
        if self.method == "POST":
            require_json(incoming.headers)
            body = await read_body(receive, incoming.headers, self._limit)
            read = partial(self._decode, body)
        else:
            read = partial(_arguments, self._type, incoming)
        context = _context(incoming)

        def prepare() -> Answer | Streamed:
            for _ in range(_TRIES):
                with contextlib.suppress(Replaced):
                    return prepare_once()
            raise Unavailable("The file is replaced again and again; try again.")

        def prepare_once() -> Answer | Streamed:
            found = self._download(context, read())
            if isinstance(found, Archive | RunFile):
                return self._made(found)
            if isinstance(found, Bundle):
                return self._bundled(found)
            if isinstance(found, Reply):
                return Answer(wire.encode(found))
            try:
                answer = self._prepared(found, incoming)
            except BaseException:
                found.close()
                raise
            if isinstance(answer, Answer):
                found.close()
            return answer

        return await self._bridge().run(prepare)

    def _prepared(self, opened: Opened, incoming: Incoming) -> Answer | Streamed:
        etag, asked = opened.etag, incoming.headers
        if files.is_unchanged(asked, etag, opened.modified_ms):
            unchanged = files.tag_headers(etag, opened.sha256)
            return Answer(status=304, content_type=b"", headers=tuple(unchanged))
        part = files.asked_range(asked, opened.size, etag)
        start, end = part or (0, opened.size)
        is_whole = end - start == opened.size
        if not is_whole and not opened.is_right and opened.size <= CHECKED_FIRST:
            opened.compare()
        head = files.file_headers(
            opened.path, etag=etag, sha256=opened.sha256, modified_ms=opened.modified_ms
        )
        if part:
            head.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, opened.size)))
        status = 206 if part else 200
        if end - start <= SMALL_BYTES and incoming.method != "HEAD":
            body = b"".join(opened.chunks(start, end))
            return Answer(body, status, content_type=b"", headers=tuple(head))
        as_file = None
        if opened.file is not None and (opened.is_right or not is_whole):
            as_file = (opened.file, start, end)
        parcel = Parcel(
            status=status,
            headers=head,
            chunks=lambda: opened.chunks(start, end),
            close=opened.close,
            length=end - start,
            file=as_file,
        )
        return self._streamed(parcel)

    def _made(self, file: Archive | RunFile) -> Streamed:
        head = files.file_headers(file.name, etag=None, sha256=None, modified_ms=None)
        head = [line for line in head if line[0] != b"accept-ranges"]
        parcel = Parcel(status=200, headers=head, chunks=file.chunks, close=_nothing, length=None)
        return self._streamed(parcel)

    def _bundled(self, bundle: Bundle) -> Streamed:
        head = files.file_headers("files", etag=None, sha256=None, modified_ms=None)
        kept = [line for line in head if line[0] not in {b"accept-ranges", b"content-type"}]
        head = [*kept, (b"content-type", bundles.MEDIA_TYPE.encode())]
        parcel = Parcel(status=200, headers=head, chunks=bundle.chunks, close=_nothing, length=None)
        return self._streamed(parcel)

    def _streamed(self, parcel: Parcel) -> Streamed:
        async def send_all(scope: Scope, send: Send, headers: Headers) -> MillraceError | None:
            whole = parcel._replace(headers=headers + parcel.headers)
            return await deliver(scope, send, self._bridge(), whole)

        return Streamed(send_all)


def _arguments(kind: Any, incoming: Incoming) -> Any:  # noqa: ANN401 - the endpoint's type
    pairs = wire.query_pairs(incoming.query)
    return wire.from_query(kind, pairs, incoming.values)


def _context(incoming: Incoming) -> Context:
    return Context(
        actor=stated(incoming.headers),
        request_id=incoming.request_id,
        at_ms=clock.now_ms(),
        address=incoming.address,
    )


def _has_condition(headers: dict[bytes, bytes]) -> bool:
    return b"if-match" in headers or b"if-none-match" in headers


def _nothing() -> None:
    """Nothing is open."""
