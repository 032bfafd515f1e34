"""The keys of a JSON body that are heard as it is decoded: each is a type, by which the decoder tells of it."""

from __future__ import annotations

from typing import ClassVar, Final

from proxy.credentials import BODY_CREDENTIALS


class Key:
    __slots__ = ()
    name: ClassVar[str] = ""


class Model(Key):
    name: ClassVar[str] = "model"


class ModelInOtherLetters(Key):
    name: ClassVar[str] = "model"


class Stream(Key):
    name: ClassVar[str] = "stream"


class Store(Key):
    name: ClassVar[str] = "store"


class Targets(Key):
    name: ClassVar[str] = "target_model_names"


def _kinds(names: tuple[str, ...]) -> tuple[type[Key], ...]:
    return tuple(type(f"_{name}", (Key,), {"__slots__": (), "name": name}) for name in names)


OBJECTS: Final = _kinds(("previous_response_id", "conversation"))
"""What names an object of native routes: heard, so that it stands there once."""
MORE_OBJECTS: Final = _kinds((
    "assistant_id", "thread_id", "file_id", "file_ids", "input_file_id", "training_file", "validation_file",
    "vector_store_ids",
))  # fmt: skip
"""The same of other routes."""
PRIVATE: Final = _kinds(BODY_CREDENTIALS)
KINDS: Final[tuple[type[Key], ...]] = (Model, Stream, Store, Targets, *OBJECTS, *PRIVATE, *MORE_OBJECTS)
