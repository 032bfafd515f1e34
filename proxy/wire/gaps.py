"""Header lines of which some have a gap in place of their value, and what fills the gaps of a head that fits."""

from __future__ import annotations

from collections.abc import Sequence

WITHOUT_CONTROLS = bytes(
    0x20 if (code < 0x20 and code != 0x09) or code == 0x7F else code for code in range(256)
)
"""Changes what no value holds (RFC 9110 5.5)."""


class Gaps:
    """Never changed once made: heads share it."""

    __slots__ = ("_rest", "_start", "gaps", "lines", "spelled")

    def __init__(self, lines: Sequence[bytes], gaps: Sequence[int] = (), first: bytes = b"") -> None:
        """`lines` have passed the strict checks; `gaps` are indices of lines, rising; `first`: what stands before."""
        self.lines = tuple(lines)
        self.gaps = tuple(gaps)
        self.spelled = names_of(lines)
        texts, text = [], first
        for at, line in enumerate(lines):
            if at in self.gaps:
                texts.append(text + until_value(line))
                text = b"\r\n"
            else:
                text += line + b"\r\n"
        self._start, *self._rest = [*texts, text + b"\r\n"]

    @property
    def cost_bytes(self) -> int:
        """What it takes in memory, never too low."""
        raise NotImplementedError

    @property
    def tail(self) -> bytes:
        """What stands behind the last gap."""
        return self._rest[-1]

    def read(self, head: bytes) -> list[bytes] | None:
        """HOT. What fills the gaps of a head; None: it does not fit."""
        start = self._start
        if not head.startswith(start):
            return None
        rest, values = head[len(start) :], []
        for text in self._rest:
            value, found, rest = rest.partition(text)
            if not found:
                return None
            values.append(value)
        if rest:
            return None
        filled = b"".join(values)
        # A line too many would be in a value here, with its end.
        return values if filled.translate(WITHOUT_CONTROLS) == filled else None

    def differences(self, lines: Sequence[bytes]) -> list[int]:
        """Where as many lines of the same names say something else than these."""
        return [at for at, line in enumerate(lines) if line != self.lines[at] and at not in self.gaps]


def until_value(line: bytes) -> bytes:
    """A line's name, its colon, and one blank where it has one."""
    end = line.index(b":") + 1
    return line[: end + 1] if line[end : end + 1] == b" " else line[:end]


def names_of(lines: Sequence[bytes]) -> tuple[bytes, ...]:
    """As they are spelled."""
    return tuple(line.partition(b":")[0] for line in lines)


def escaped(text: bytes) -> bytes:
    """As it stands in a template."""
    return text.replace(b"%", b"%%")
