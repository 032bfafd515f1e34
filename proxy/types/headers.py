"""What HTTP says beside a body."""

from __future__ import annotations

from typing import TypeAlias

Header: TypeAlias = tuple[bytes, bytes]
"""(name as sent, value without surrounding blanks)"""
Headers: TypeAlias = tuple[Header, ...]
