"""HTTP/1.0 of one connection: hypercorn's, which ends after one request.

h11 keeps no HTTP/1.0 connection open. So what follows the request, while that is still being served, is nobody's: it
is not read, and cannot spoil the answer.
"""

from __future__ import annotations

import h11
from hypercorn.events import Closed, Updated
from hypercorn.protocol.events import Body, EndBody
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol


class Http10(H11Protocol):
    """One connection."""

    _heard = False
    """The whole request has been read."""

    async def _handle_events(self) -> None:
        while not self._heard:
            try:
                event = self.connection.next_event()
            except h11.RemoteProtocolError as error:
                await self._give_up(error)
                return
            if isinstance(event, h11.Request):
                await self.send(Updated(idle=False))
                await self._create_stream(event)
            elif self.stream is None:
                return
            elif isinstance(event, h11.Data):
                await self.stream.handle(Body(stream_id=STREAM_ID, data=bytes(event.data)))
            elif isinstance(event, h11.EndOfMessage):
                self._heard = True
                await self.stream.handle(EndBody(stream_id=STREAM_ID))
            else:
                return

    async def _give_up(self, error: h11.RemoteProtocolError) -> None:
        """An answer is said only where none has been promised yet."""
        if self.stream is None:
            await self._send_error_response(error.error_status_hint)
        await self.send(Closed())
