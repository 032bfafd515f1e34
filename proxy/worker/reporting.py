"""Reports out of the state file, for the pages: what goes wrong there becomes an answer."""

from __future__ import annotations

import hashlib
from functools import partial

from proxy.access.directory import Directory
from proxy.errors import invalid_value, state_unusable
from proxy.storage.file import StateFile
from proxy.storage.problems import Problem, StateError
from proxy.storage.reports import MOST_ROWS, By, Scope, Total, totals
from proxy.storage.rollups import FIGURES
from proxy.storage.rows import Row, Wanted, found

TOO_MUCH = "That is more than can be read in time: ask for fewer days."


class StateReports:
    """`control.spend.Reports`."""

    def __init__(self, state: StateFile) -> None:
        self._state = state

    async def totals(
        self,
        by: tuple[By, ...],
        scope: Scope,
        /,
        limit: int = MOST_ROWS,
        figures: tuple[str, ...] = FIGURES,
    ) -> list[Total]:
        try:
            return await self._state.report(partial(totals, by=by, scope=scope, limit=limit, figures=figures))
        except ValueError as problem:
            raise invalid_value("group_by", f"{problem}.") from problem
        except StateError as problem:
            if problem.problem is Problem.SLOW:
                raise invalid_value("start_date", TOO_MUCH) from problem
            raise state_unusable() from problem

    async def rows(self, wanted: Wanted, /) -> list[Row]:
        try:
            return await self._state.report(partial(found, wanted=wanted))
        except StateError as problem:
            if problem.problem is Problem.SLOW:
                raise invalid_value("page", TOO_MUCH) from problem
            raise state_unusable() from problem


class Known:
    """`control.spend.Known`, by the directory."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def key_id(self, text: str, /) -> str:
        key = self._directory.key_named(text)
        if key is not None:
            return key.id
        return (
            hashlib.sha256(text.encode()).hexdigest() if text.startswith("sk-") else text
        )  # one that was deleted

    def team_name(self, team_id: str, /) -> str:
        team = self._directory.team(team_id)
        return team_id if team is None or not team.team_alias else team.team_alias
