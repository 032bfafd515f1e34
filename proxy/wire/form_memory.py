"""Remembers the forms of heads that repeat, of requests or of answers, within a bound in bytes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from proxy.wire.gaps import Gaps, names_of

REMEMBERED_BYTES = 8192
"""The longest head whose form is remembered."""
FORMS_ALIKE = 8
"""Forms of as many lines that are remembered: they are tried one after the other."""
NEW_LINES = 6
"""New lines, of a layout that came before, that are taken for gaps: or up to half of all lines. If there are more,
it is somebody new, whose lines will come again."""
WIDENED = 2
"""Lines in which a head may differ from a known form for these lines to become gaps of it. One that differs in more is
of another kind, until there are FORMS_ALIKE."""
SIGHTING_BYTES = 110
"""A number, and its place in a set that has just grown."""
SIZES_REMEMBERED = 512
"""Sizes of heads of which is known what form they had last. Emptied when full."""
SIGHTINGS_SHARE = 4
"""One in so many bytes is for what came once."""
_LENGTH = b"content-length"

F = TypeVar("F", bound=Gaps)


class FormMemory(Generic[F]):
    """A head becomes a form at the second sighting of its lines, once a strict parse has passed it. Lines that came for
    the first time get gaps, and so does in time whatever differs between heads that are alike. A head of a known form
    is compared with its texts, byte for byte, and what is in the gaps is checked.

    All that is known takes at most `memory_bytes`, by an estimate that is never too low. A full memory is simply
    emptied: that costs some strict parses.
    """

    def __init__(self, memory_bytes: int, decide: frozenset[bytes]) -> None:
        """`decide`: lines that never are gaps, by their names in lower case: on their values the head as a whole
        depends."""
        self._decide = decide
        self._forms: dict[int, list[F]] = {}
        """By the number of lines."""
        self._likely: dict[int, F] = {}
        """By the size of a head: which form to try first."""
        self._once: set[int] = set()
        """Hashes of what was seen: a wrong hit remembers something a sighting too early, no more."""
        self._known_bytes = 0
        self._limit(memory_bytes)

    def _limit(self, memory_bytes: int) -> None:
        self._most_once = memory_bytes // SIGHTINGS_SHARE // SIGHTING_BYTES
        self._limit_bytes = memory_bytes - (self._most_once + SIZES_REMEMBERED) * SIGHTING_BYTES

    @property
    def held_bytes(self) -> int:
        return self._known_bytes + (len(self._once) + len(self._likely)) * SIGHTING_BYTES

    def _form_of(self, lines: Sequence[bytes], gaps: Sequence[int]) -> F:
        """A new one."""
        raise NotImplementedError

    def _find(self, text: bytes, count: int, size: int) -> tuple[F, list[bytes]] | None:
        """The known form of a head of so many lines that it fits, and what fills its gaps."""
        alike = self._forms.get(count, [])
        for form in alike:
            values = form.read(text)
            if values is not None:
                alike.remove(form)
                alike.insert(0, form)
                self._expect(form, size)
                return form, values
        return None

    def _learn(self, lines: Sequence[bytes]) -> F | None:
        """The form of a head that passed and was not recognized; None: it is too early for one."""
        spelled = names_of(lines)
        new = [at for at, line in enumerate(lines) if not self._came_before(line)]
        if not self._came_before(spelled) or len(new) > max(NEW_LINES, len(lines) // 2):
            return None
        form = self._widened(lines, spelled)
        if form is None and not self._deciding(spelled, new):
            gaps = [at for at, name in enumerate(spelled) if at in new or name.lower() == _LENGTH]
            form = self._form_of(lines, gaps)
        if form is not None:
            self._remember(form)
        return form

    def _widened(self, lines: Sequence[bytes], spelled: tuple[bytes, ...]) -> F | None:
        """The known form that comes nearest, with a gap wherever it does not fit; it is no more known itself."""
        alike = self._forms.get(len(lines) + 1, [])
        near = [(form.differences(lines), form) for form in alike if form.spelled == spelled]
        if not near:
            return None
        different, nearest = min(near, key=lambda each: len(each[0]))
        if self._deciding(spelled, different) or (len(different) > WIDENED and len(alike) < FORMS_ALIKE):
            return None
        alike.remove(nearest)
        self._drop(nearest)
        return self._form_of(lines, sorted({*nearest.gaps, *different}))

    def _deciding(self, spelled: Sequence[bytes], places: Sequence[int]) -> bool:
        return any(spelled[at].lower() in self._decide for at in places)

    def _remember(self, form: F) -> None:
        self._make_room(form.cost_bytes)
        alike = self._forms.setdefault(len(form.lines) + 1, [])
        alike.insert(0, form)
        if len(alike) > FORMS_ALIKE:
            self._drop(alike.pop())

    def _drop(self, form: F) -> None:
        self._known_bytes -= form.cost_bytes
        for size in [size for size, other in self._likely.items() if other is form]:
            del self._likely[size]

    def _expect(self, form: F, size: int) -> None:
        """Heads of `size` bytes: when they come often, they are mostly of one kind."""
        if len(self._likely) >= SIZES_REMEMBERED:
            self._likely.clear()
        self._likely[size] = form

    def _came_before(self, what: Hashable) -> bool:
        mark = hash(what)
        if mark in self._once:
            return True
        if len(self._once) >= self._most_once:
            self._once.clear()
        self._once.add(mark)
        return False

    def _make_room(self, cost_bytes: int) -> None:
        if self._known_bytes + cost_bytes > self._limit_bytes:
            self._forget()
        self._known_bytes += cost_bytes

    def _forget(self) -> None:
        self._forms.clear()
        self._likely.clear()
        self._known_bytes = 0
