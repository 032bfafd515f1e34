"""A request's head as a form that was filled in.

Behind a load balancer no two heads are alike (`X-Request-ID`, `traceparent`, `X-Forwarded-For`); but for a few values
they are. So a head is its request line, its `Form`, which many requests share, and what this one has in its gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Protocol, TypeAlias

from proxy.types import Headers
from proxy.wire.gaps import Gaps, escaped, until_value
from proxy.wire.head import CHUNKED, NO_BODY, connection_persists, length_of, list_members

BLANKS = b" \t"
JSON_TYPE = b"application/json"
SIEVES_REMEMBERED = 4
"""Per form; a configuration has two or three, unless its deployments have headers of their own. Emptied when full."""
FORM_BYTES = 2_000
LINE_BYTES = 400
"""What a form takes besides its texts, and besides that for each line."""


class Opening:
    """A request line (RFC 9112 section 3). Never changed once made: requests share it."""

    __slots__ = ("method", "modern", "path", "query", "target")

    def __init__(self, method: bytes, target: bytes, version: bytes = b"1.1") -> None:
        """`target` in origin form or `*`; `version` b"1.1" or b"1.0", which is not `modern`."""
        self.method = method
        self.target = target
        self.modern = version == b"1.1"
        path, mark, query = target.partition(b"?")
        self.path = path
        self.query = query if mark else None


class Sieve(Protocol):
    """Decides by its name which header goes on. Hashable."""

    def passes(self, lower: bytes) -> bool: ...


Pick: TypeAlias = Callable[[tuple[bytes, ...]], tuple[bytes, ...]]


class Form(Gaps):
    """Header lines, of which some have a gap in place of their value.

    What a form says of the connection and the body's framing holds whatever is in its gaps: lines that decide about
    these have none, but for content-length. Changed only by what is learned later: `kept`.
    """

    __slots__ = (
        "connection_tokens", "expect_continue", "first", "framing", "keep_alive", "kept", "length_gap", "names",
        "plain_json", "repeated", "repeats", "upgrade",
    )  # fmt: skip

    def __init__(self, lines: Sequence[bytes], gaps: Sequence[int] = (), *, modern: bool = True) -> None:
        """`lines` have passed the strict checks; `gaps` are indices of lines, rising."""
        super().__init__(lines, gaps)
        pairs = headers_of(lines)
        self.names = tuple(map(bytes.lower, self.spelled))
        values: list[bytes | int] = [value for _, value in pairs]
        for gap, at in enumerate(gaps):
            values[at] = gap
        self.first = dict(reversed([*zip(self.names, values, strict=True)]))
        """Lower-case name -> its first value, or the number of its gap."""
        self.repeated = frozenset(name for name in self.names if self.names.count(name) > 1)
        length = self.first.get(b"content-length")
        self.length_gap = length if isinstance(length, int) else -1
        self.framing = CHUNKED if b"transfer-encoding" in self.first else NO_BODY
        """Where `length_gap` is -1."""
        if isinstance(length, bytes):
            self.framing = int(length)
        said = [value for name, value in pairs if name.lower() == b"connection"]
        self.connection_tokens = list_members(b",".join(said))
        self.keep_alive = connection_persists(b"1.1" if modern else b"1.0", self.connection_tokens)
        # RFC 9110 10.1.1 and 7.8: both are ignored in an HTTP/1.0 request.
        expected = self.first.get(b"expect", b"")
        self.expect_continue = modern and isinstance(expected, bytes) and expected.lower() == b"100-continue"
        self.upgrade = modern and b"upgrade" in self.first
        self.repeats = self.length_gap == 0 and len(gaps) == 1
        """Its heads differ in their content-length alone."""
        said_once = b"content-type" not in self.repeated
        self.plain_json = (
            said_once
            and self.first.get(b"content-type") == JSON_TYPE
            and b"content-encoding" not in self.first
        )
        """Its heads announce JSON as SDKs do: in one way, and not coded."""
        self.kept: dict[Sieve, Kept] = {}

    @property
    def cost_bytes(self) -> int:
        text_bytes = sum(map(len, self.lines))
        return FORM_BYTES + LINE_BYTES * len(self.lines) + (3 + SIEVES_REMEMBERED) * text_bytes

    def framing_of(self, values: Sequence[bytes]) -> int:
        """HOT. Of the body of a head that has these in its gaps. Raises BadRequest."""
        return self.framing if self.length_gap < 0 else length_of(values[self.length_gap])

    def keep(self, sieve: Sieve) -> Kept:
        """What of it goes on: learned once, then looked up in `kept`."""
        if len(self.kept) >= SIEVES_REMEMBERED:
            self.kept.clear()
        kept = self.kept[sieve] = Kept(self, sieve)
        return kept


class Kept:
    """What of a form goes on: a template of the head to send, and which values it takes."""

    __slots__ = ("pick", "template")

    def __init__(self, form: Form, sieve: Sieve) -> None:
        """What the client says of the body's length gives its place to what the gateway says, else that comes last."""
        template, picks, framed = b"%b %b HTTP/1.1\r\n%b", [0, 1, 2], False
        for at, (name, line) in enumerate(zip(form.names, form.lines, strict=True)):
            if name == b"content-length":
                template, framed = template + b"%b", True
                picks.append(3)
            elif name in form.connection_tokens or not sieve.passes(name):
                continue
            elif at in form.gaps:
                template += escaped(until_value(line)) + b"%b\r\n"
                picks.append(4 + form.gaps.index(at))
            else:
                template += escaped(line) + b"\r\n"
        if not framed:
            template += b"%b"
            picks.append(3)
        self.template = template + b"\r\n"
        self.pick: Pick = itemgetter(picks[0], picks[1], *picks[2:])
        """Of method, target, own lines, the line on the body's framing, and the values of the form's gaps."""


class RequestHead:
    """One request's head."""

    __slots__ = ("form", "method", "opening", "path", "query", "values")

    def __init__(self, opening: Opening, form: Form, values: Sequence[bytes] = ()) -> None:
        """`values`: of the form's gaps, with the blanks around them."""
        self.opening = opening
        self.method = opening.method
        self.path = opening.path
        self.query = opening.query
        self.form = form
        self.values = values

    @staticmethod
    def of(method: bytes, target: bytes, headers: Headers) -> RequestHead:
        """Of parts that were checked elsewhere."""
        return RequestHead(Opening(method, target), Form([b"%b: %b" % header for header in headers]))

    def get(self, name_lower: bytes) -> bytes | None:
        """HOT. The first value of the header."""
        value = self.form.first.get(name_lower)
        if value is None or not isinstance(value, int):
            return value
        return self.values[value].strip(BLANKS)

    def get_all(self, name_lower: bytes) -> list[bytes]:
        """All values of the header, in their order."""
        if name_lower in self.form.repeated:
            return [value for name, value in self.headers if name.lower() == name_lower]
        value = self.get(name_lower)
        return [] if value is None else [value]

    @property
    def headers(self) -> Headers:
        """All of them, in their order and spelling."""
        lines = list(self.form.lines)
        for at, value in zip(self.form.gaps, self.values, strict=True):
            lines[at] = until_value(lines[at]) + value
        return headers_of(lines)


def headers_of(lines: Sequence[bytes]) -> Headers:
    """Of header lines without their ends."""
    parts = (line.partition(b":") for line in lines)
    return tuple((name, value.strip(BLANKS)) for name, _, value in parts)


def asks_for_websocket(head: RequestHead) -> bool:
    """RFC 6455 section 4.1"""
    return (
        head.form.upgrade
        and head.method == b"GET"
        and b"websocket" in list_members(head.get(b"upgrade") or b"")
    )
