"""Many clients of one key with a small budget: they go on until it is spent."""

from __future__ import annotations

import msgspec
import trio

from loadtest.limits.books import Books, books
from loadtest.limits.scene import BODY, BUDGET, PRICE_IN, PRICE_OUT, SOON_S, Scene, Told, told

AGAIN_S = 0.02
"""After a refusal because of running requests: sooner than it says, so that refusals are many."""
LIMIT_S = 400.0


class Outcome(msgspec.Struct):
    good: int = 0
    lost: int = 0
    """Requests of which no answer came: a worker was killed."""
    refused: list[Told] = []


async def spend_it(scene: Scene, most_tokens: int = 64) -> Outcome:
    outcome = Outcome(refused=[])
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            for _ in range(scene.settings.clients):
                nursery.start_soon(_client, scene, most_tokens, outcome)
    return outcome


async def _client(scene: Scene, most_tokens: int, outcome: Outcome) -> None:
    """Until it is told that the budget is spent."""
    while True:
        try:
            async with scene.client(BUDGET) as client:
                while True:
                    await client.send(BODY % most_tokens)
                    answer = told(await client.read())
                    if answer.status == 0:
                        outcome.lost += 1
                        break
                    if answer.status == 200:
                        outcome.good += 1
                        continue
                    outcome.refused.append(answer)
                    if answer.code == "budget_exceeded":
                        return
                    await trio.sleep(AGAIN_S)
        except (OSError, trio.BrokenResourceError):
            outcome.lost += 1
            await trio.sleep(AGAIN_S)


async def judged(scene: Scene, outcome: Outcome, most_tokens: int = 64) -> list[str]:
    """What is wrong."""
    with trio.fail_after(SOON_S):
        while (found := books(scene, BUDGET)).answers < outcome.good:  # noqa: ASYNC110 - they tell nobody
            await trio.sleep(0.2)
    limit = round(scene.settings.dollars * 1e9)
    least = len(BODY % most_tokens) // 4 * PRICE_IN
    most = -(-len(BODY % most_tokens) // 3) * PRICE_IN + most_tokens * PRICE_OUT
    wrong = [*found.unlike()]
    if found.records > limit + most:
        wrong.append(
            f"{found.records} nano-dollars were spent, of {limit}: by more than one request too much"
        )
    if found.records + most < limit:
        wrong.append(
            f"{found.records} nano-dollars were spent, of {limit}: there was room for another request"
        )
    last = max(each.dollars[0] for each in outcome.refused if each.code == "budget_exceeded")
    if last != found.records:
        wrong.append(f"the workers went by {last} nano-dollars, and the records come to {found.records}")
    wrong += [text for each in outcome.refused if (text := _not_right(each, limit, least, most))]
    return wrong


def _not_right(refused: Told, limit: int, least: int, most: int) -> str:
    """A refusal says by which numbers it went."""
    if refused.status != 429 or refused.code not in ("budget_exceeded", "budget_reserved"):
        return f"refused with {refused.status} {refused.code}: {refused.message}"
    used, of = refused.dollars
    if of != limit:
        return f"another budget: {refused.message}"
    if refused.code == "budget_exceeded":
        return "" if used >= limit or used + least > limit else f"not spent: {refused.message}"
    return "" if used + most > limit else f"there was room: {refused.message}"


def summary(outcome: Outcome, found: Books) -> str:
    reserved = sum(each.code == "budget_reserved" for each in outcome.refused)
    return (
        f"{outcome.good} answers, {outcome.lost} lost, {len(outcome.refused)} refusals ({reserved} of them because of"
        f" running requests); {found.records / 1e9:.9f} $ spent by the records"
    )
