"""What a killed worker's requests had reserved is given back, soon."""

from __future__ import annotations

import os
import signal

import trio

from loadtest.answers import Answer, RawRequest, stalled
from loadtest.limits.scene import ALONE, BODY, SOON_S, Scene, asked, now

WITHIN_S = 2.0


async def given_back(scene: Scene) -> float:
    """A key that may have one request at once has it, in a worker that is killed: seconds until it may have another."""
    arrived = trio.Event()

    def stall(_request: RawRequest) -> Answer:
        arrived.set()
        return stalled()

    scene.mock.script(stall)
    async with scene.client(ALONE) as client:
        await client.send(BODY % 64)
        with trio.fail_after(SOON_S):
            await arrived.wait()
        scene.mock.unscript()
        assert (await asked(scene, ALONE)).status == 429
        for pid in scene.workers():
            os.kill(pid, signal.SIGKILL)  # one of them has it
        killed = now()
        with trio.fail_after(SOON_S):
            while (answer := await asked(scene, ALONE)).status in (0, 429):
                if answer.status == 429:
                    await trio.sleep(0.01)
        return now() - killed
