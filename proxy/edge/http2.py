"""HTTP/2 (RFC 9113) of one connection: hypercorn's, with what its client may do to it bounded.

Different from hypercorn's: a body is held in an `Upload` and acknowledged as it is read, so that receiving never waits
and a reset behind a body is heard at once; a stream that is broken off is reset alone; data behind an answer is let go;
priorities are ignored, as section 5.3.2 allows; what is no request is refused as the fast door refuses it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast

import h2.events as events
import trio
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import Request, StreamClosed
from hypercorn.protocol.h2 import H2Protocol, StreamBuffer
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.utils import filter_pseudo_headers
from priority.priority import MissingStreamError

from proxy.edge.hangup import CUT, UPLOAD
from proxy.edge.scope_head import refusal
from proxy.edge.upload import HELD_BYTES, Upload
from proxy.edge.websocket import HANDSHAKE
from proxy.types import Headers
from proxy.wire.head import UNFIT_METHODS, BadRequest

CUT_AFTER_S = 0.05
"""What was written last is on its way by then."""
CONNECTION_BYTES = 4 * HELD_BYTES
"""Of all bodies of a connection, received and not read yet: one that nobody reads must not stop the others."""
_DEFAULT_WINDOW = 65_535


class Http2(H2Protocol):
    """One connection."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._uploads: dict[int, Upload] = {}
        config = self.config
        self.connection.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: config.h2_max_concurrent_streams,
                SettingCodes.MAX_HEADER_LIST_SIZE: config.h2_max_header_list_size,
                SettingCodes.INITIAL_WINDOW_SIZE: HELD_BYTES,
                SettingCodes.ENABLE_CONNECT_PROTOCOL: 1,
            },
        )

    async def initiate(self, headers: Any = None, settings: bytes | None = None) -> None:
        await super().initiate(headers, settings)
        self.connection.increment_flow_control_window(CONNECTION_BYTES - _DEFAULT_WINDOW)
        await self._flush()

    async def handle(self, event: Event) -> None:
        if isinstance(event, Closed):
            for upload in self._uploads.values():
                upload.leave()
        await super().handle(event)
        if isinstance(event, RawData) and self._head_bytes > self.config.h2_max_header_list_size:
            self.connection.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
            await self._flush()
            await self.send(Closed())
        if isinstance(event, Closed):  # nobody sends any more: hypercorn would have who writes wait for ever
            for buffer in self.stream_buffers.values():
                await buffer.close()

    @property
    def _head_bytes(self) -> int:
        """Of a head whose frames have begun and not ended: h2 itself would hold a MiB of each."""
        begun = self.connection.incoming_buffer._headers_buffer  # noqa: SLF001 - h2 bounds their number alone
        return sum(len(frame.data) for frame in begun)

    @property
    def idle(self) -> bool:
        """Nothing is under way, and the end of each answer has been sent."""
        return not self.stream_buffers and super().idle

    async def stream_send(self, event: StreamEvent) -> None:
        if isinstance(event, StreamClosed):
            await self._close_stream(event.stream_id)
            await self._rest()
        else:
            await super().stream_send(event)

    async def _send_data(self, stream_id: int) -> None:
        await super()._send_data(stream_id)
        if stream_id not in self.stream_buffers:
            await self._rest()

    async def _rest(self) -> None:
        """Idle from here, if it is. A worker that stops has said its last word then, and not before an answer's end."""
        idle = self.idle
        if idle and self.context.terminated.is_set():
            with suppress(ProtocolError):  # the client was faster
                self.connection.close_connection()
            await self._flush()
        await self.send(Updated(idle=idle))

    async def _handle_events(self, received: list[events.Event]) -> None:
        for event in received:
            handler = _HANDLERS.get(type(event))
            if handler is not None:
                await handler(self, event)
        await self._flush()

    async def on_request(self, event: events.RequestReceived) -> None:
        if self.context.terminated.is_set():
            self._stop(event.stream_id, ErrorCodes.REFUSED_STREAM)  # its client may have done so already
            self.connection.update_settings({SettingCodes.MAX_CONCURRENT_STREAMS: 0})
            return
        try:
            request = _request(event)
        except BadRequest as bad:
            self._refuse(event.stream_id, bad)
            return
        await self._begin(event.stream_id, *request)
        await self.send(Updated(idle=False))

    async def _begin(
        self, stream_id: int, method: str, path: bytes, headers: list[tuple[bytes, bytes]]
    ) -> None:
        upload = self._uploads[stream_id] = Upload(partial(self._acknowledge, stream_id))
        state = {UPLOAD: upload, CUT: partial(self._reset, stream_id)}
        stream = self.streams[stream_id] = HTTPStream(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            stream_id,
        )
        self.stream_buffers[stream_id] = StreamBuffer(self.context.event_class)
        self.priority.insert_stream(stream_id)
        self.priority.block(stream_id)
        await stream.handle(Request(stream_id, headers, "2", method, path, cast("Any", state)))
        await self.context.mark_request()

    def _refuse(self, stream_id: int, bad: BadRequest) -> None:
        """What no server can hand to an app."""
        body = refusal(bad).body()
        head = [(b":status", b"%d" % bad.status), (b"content-type", b"application/json")]
        try:
            self.connection.send_headers(stream_id, [*head, (b"content-length", b"%d" % len(body))])
            self.connection.send_data(stream_id, body, end_stream=True)
        except ProtocolError:  # it has no window for it
            self._stop(stream_id, ErrorCodes.PROTOCOL_ERROR)

    async def on_data(self, event: events.DataReceived) -> None:
        stream_id = event.stream_id
        upload = self._uploads.get(stream_id)
        if upload is None:
            self.connection.acknowledge_received_data(event.flow_controlled_length, stream_id)
            if stream_id not in self.stream_buffers:  # all of the answer is out (RFC 9113 section 8.1)
                self._stop(stream_id, ErrorCodes.NO_ERROR)
            return
        padding = event.flow_controlled_length - len(event.data)
        if padding:
            self.connection.acknowledge_received_data(padding, stream_id)
        if event.data:
            upload.feed(event.data)

    async def on_end(self, event: events.StreamEnded) -> None:
        if upload := self._uploads.get(event.stream_id):
            upload.end()

    async def on_reset(self, event: events.StreamReset) -> None:
        if upload := self._uploads.get(event.stream_id):
            upload.leave()
        await self._abandon(event.stream_id)

    async def on_window(self, event: events.WindowUpdated) -> None:
        await self._window_updated(event.stream_id)

    async def on_settings(self, event: events.RemoteSettingsChanged) -> None:
        if SettingCodes.INITIAL_WINDOW_SIZE in event.changed_settings:
            await self._window_updated(None)

    async def on_goaway(self, _event: events.ConnectionTerminated) -> None:
        await self.send(Closed())

    async def _acknowledge(self, stream_id: int, size: int) -> None:
        self.connection.acknowledge_received_data(size, stream_id)
        await self._flush()

    async def _close_stream(self, stream_id: int) -> None:
        upload = self._uploads.pop(stream_id, None)
        if upload is not None and upload.held_bytes:  # nobody will read it
            self.connection.acknowledge_received_data(upload.held_bytes, stream_id)
        await super()._close_stream(stream_id)

    async def _reset(self, stream_id: int) -> None:
        """The answer breaks off behind what was written of it."""
        buffer = self.stream_buffers.get(stream_id)
        if buffer is not None and buffer.buffer:
            with trio.move_on_after(CUT_AFTER_S):
                await buffer.drain()
        self._stop(stream_id, ErrorCodes.INTERNAL_ERROR)
        await self._flush()
        await self._abandon(stream_id)

    async def _abandon(self, stream_id: int) -> None:
        """It was reset: who writes to it, or waits for its window, goes on to find that out."""
        await self._close_stream(stream_id)
        if buffer := self.stream_buffers.get(stream_id):
            await buffer.close()
        await self._window_updated(stream_id)

    def _stop(self, stream_id: int, code: ErrorCodes) -> None:
        with suppress(ProtocolError):  # it is over already
            self.connection.reset_stream(stream_id, code)

    async def _window_updated(self, stream_id: int | None) -> None:
        with suppress(MissingStreamError):
            await super()._window_updated(stream_id)


_HANDLERS: dict[type[events.Event], Callable[[Http2, Any], Awaitable[None]]] = {
    events.RequestReceived: Http2.on_request,
    events.DataReceived: Http2.on_data,
    events.StreamEnded: Http2.on_end,
    events.StreamReset: Http2.on_reset,
    events.WindowUpdated: Http2.on_window,
    events.RemoteSettingsChanged: Http2.on_settings,
    events.ConnectionTerminated: Http2.on_goaway,
}


def _request(event: events.RequestReceived) -> tuple[str, bytes, list[tuple[bytes, bytes]]]:
    """Method, path and headers. Raises BadRequest where an ASGI scope could not say them."""
    given = cast("Headers", event.headers)
    pseudo = {name: value for name, value in given if name.startswith(b":")}
    headers = filter_pseudo_headers(list(given))
    method, path = pseudo.get(b":method", b""), pseudo.get(b":path", b"")
    if method == b"CONNECT" and pseudo.get(b":protocol") == b"websocket":  # RFC 8441
        method, headers = b"GET", [*headers, *HANDSHAKE]
    elif method == b"CONNECT":
        raise BadRequest(501, UNFIT_METHODS[method])
    if not (method.isascii() and path.isascii()):
        raise BadRequest(400, "`:method` and `:path` must be ASCII")
    return method.decode(), path, headers
