"""`python -m proxy.simulator --port 9000`: the simulated API by itself."""

from __future__ import annotations

import argparse
import functools
import signal

import trio

from proxy.simulator.app import KEY_PREFIXES, PACE_S, Simulator
from proxy.simulator.server import serve


def main() -> None:
    options = _parser().parse_args()
    app = Simulator(pace_s=options.pace_ms / 1000, key_prefixes=tuple(options.key_prefix or KEY_PREFIXES))
    trio.run(_run, options.host, options.port, app)


async def _run(host: str, port: int, app: Simulator) -> None:
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            url = await nursery.start(functools.partial(serve, app=app), host, port)
            print(f"Simulated OpenAI API on {url}/v1", flush=True)
            await anext(aiter(signals))
            nursery.cancel_scope.cancel()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m proxy.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9000, help="0 takes a free one")
    parser.add_argument("--pace_ms", type=float, default=PACE_S * 1000, help="pause between stream events")
    parser.add_argument("--key_prefix", action="append", help="accepted API keys; '' accepts any")
    return parser


if __name__ == "__main__":
    main()
