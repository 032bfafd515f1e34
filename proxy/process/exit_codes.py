"""What the command's exit code says."""

from __future__ import annotations

EX_OK = 0
"""Done, or drained after SIGTERM."""
EX_FAILED = 1
"""It could not do at run time what it was asked."""
EX_CONFIG = 78
"""sysexits.h: the configuration is wrong. systemd is told not to restart on it (RestartPreventExitStatus)."""
EX_INTERRUPTED = 130
"""Ctrl-C: 128 and the signal's number, as shells count."""
