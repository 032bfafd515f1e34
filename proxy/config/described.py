"""The meaning of each key: the docstring that follows its field. Read from source; only for schema and docs."""

from __future__ import annotations

import ast
import functools
import inspect
from collections.abc import Mapping

from proxy.config.fields import Section


def summary(kind: type[Section]) -> str:
    """The Section's own docstring."""
    return inspect.getdoc(kind) or ""


@functools.cache
def descriptions(kind: type[Section]) -> Mapping[str, str]:
    """Field -> docstring, with those of the Sections that `kind` extends."""
    found: dict[str, str] = {}
    for owner in reversed(kind.__mro__):
        if issubclass(owner, Section) and owner is not Section:
            found |= _own(owner)
    return found


def _own(kind: type[Section]) -> dict[str, str]:
    tree = ast.parse(inspect.getsource(kind)).body[0]
    assert isinstance(tree, ast.ClassDef)
    pairs = zip(tree.body, tree.body[1:], strict=False)
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairs
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
