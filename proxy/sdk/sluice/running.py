"""Runs a course: in a thread, or in a task."""

from __future__ import annotations

import time

import anyio

from sluice.course import Answered, Course
from sluice.transport import tasks, threads
from sluice.transport.sending import Lost, Pause, Said


def run(course: Course) -> Answered:
    """Raises what the course raises. Whatever interrupts it ends the course, too."""
    try:
        step = next(course)
        while True:
            came: Said | Lost | None = None
            if isinstance(step, Pause):
                time.sleep(step.seconds)
            else:
                came = threads.send(step)
            step = course.send(came)
    except StopIteration as end:
        answered: Answered = end.value
        return answered
    finally:
        course.close()


async def arun(course: Course) -> Answered:
    """As `run`, in a task of asyncio's or trio's."""
    try:
        step = next(course)
        while True:
            came: Said | Lost | None = None
            if isinstance(step, Pause):
                await anyio.sleep(step.seconds)
            else:
                came = await tasks.send(step)
            step = course.send(came)
    except StopIteration as end:
        answered: Answered = end.value
        return answered
    finally:
        course.close()
