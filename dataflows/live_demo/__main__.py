"""The demo from beginning to end; whatever ends it, no process is left behind."""

from __future__ import annotations

import argparse
import signal
import statistics
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from dataflows.live_demo.callers import CALLS_PER_S, Callers
from dataflows.live_demo.repeating import repeat
from dataflows.live_demo.stage import ROUTES, DemoFailed, Stage, stop
from dataflows.live_demo.watching import Watching

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Mapping, Sequence

_WANTED = {"support": "completed", "search": "rolled_back"}
_LOOK_S = 20.0  # between looks at the shares
_LONGEST_S = 900.0  # of calling; a busy machine takes longer than a quiet one
_AFTER_S = 10.0  # of calls under what was decided in the end
_QUIET_S = 6.0  # until what came last has been counted
_FAILED, _INTERRUPTED = 1, 130
_INTRODUCTION = """\
A LiteLLM proxy with four mocked models and our plugin in it, the optimizer that receives its
spans, and {calls} calls a second in conversations. Each route spends more a day than it may, and
has a cheaper model to try. Of `support` that is gpt-4.1-mini, as fast as gpt-4o; of `search` it
is o4-mini, which takes twice as long as gpt-4.1. People rate answers, all models alike.
OBSERVED tells each model's share of the calls since its document, and its median latency lately.
Steps are quicker than anybody's would be, at the same statistics: see optimizer.yaml.
Settings and logs: {out}
"""


def main() -> int:
    """Play the demo; 0 when both rollouts ended as they should and the replay agrees."""
    parser = argparse.ArgumentParser(prog="python -m dataflows.live_demo")
    parser.add_argument("--litellm", type=Path, required=True, help="the program litellm")
    parser.add_argument("--out", type=Path, default=Path("out/demo-litellm"), help="its folder")
    parser.add_argument(
        "--routes", nargs="+", choices=ROUTES, default=list(ROUTES), help="those that are called"
    )
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT):  # also where a shell lets it ignore the latter
        signal.signal(number, _interrupt)
    try:
        _play(Stage(options.out, options.litellm), options.routes)
    except DemoFailed as failed:
        sys.stderr.write(f"demo-litellm: {failed}\n")
        return _FAILED
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; nothing is left running\n")
        return _INTERRUPTED
    return 0


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _play(stage: Stage, groups: Sequence[str]) -> None:
    wanted = {ROUTES[group]: _WANTED[group] for group in groups}
    with ExitStack() as stack:
        stack.callback(stage.end)
        began_s = _now()
        _tell(_INTRODUCTION.format(calls=round(CALLS_PER_S), out=stage.out))
        run = stage.start_optimizer()
        watching = Watching(run)
        stage.start_proxy()
        _tell(f"the proxy answers after {_now() - began_s:.0f} s\n\n")
        callers = Callers(stage, groups)
        stack.callback(callers.stop)
        callers.start()
        _watch(watching, callers, run, len(wanted))
        callers.stop()
        time.sleep(_QUIET_S)
        if stop(run):
            raise DemoFailed(f"the optimizer failed: see {stage.out / 'optimizer.log'}")
        watching.close()
        stage.end()
        _summarize(watching, callers, wanted)
        _tell(f"replayed its recording; {repeat(stage)}\n")
        _tell(f"all of it took {(_now() - began_s) / 60:.1f} minutes\n")
    _judge(watching, callers, wanted)


def _watch(
    watching: Watching, callers: Callers, run: subprocess.Popen[bytes], rollouts: int
) -> None:
    """Watch until so many rollouts are over, and a little longer, or until the run has ended."""
    began_s = _now()
    until_s, look_s = began_s + _LONGEST_S, began_s + _LOOK_S
    is_over = False
    while (now_s := _now()) < until_s and run.poll() is None:
        watching.tick(now_s)
        if now_s >= look_s:
            look_s += _LOOK_S
            watching.look(callers.calls())
        if not is_over and len(watching.ended) == rollouts:
            is_over, until_s = True, now_s + _AFTER_S
        time.sleep(0.1)
    watching.look(callers.calls())


def _summarize(watching: Watching, callers: Callers, routes: Iterable[str]) -> None:
    calls, faults = callers.calls(), callers.faults()
    latencies = [call.latency_ms for call in calls]
    _tell(
        f"\n{len(calls):,} calls answered, {len(faults)} failed, {callers.rated:,} rated; "
        f"median {statistics.median(latencies or [0]):,.0f} ms\n"
    )
    for route in routes:
        shares = watching.commanded.get(route, {})
        told = ", ".join(f"{share:.0%} {model}" for model, share in shares.items())
        _tell(f"{route}: {watching.ended.get(route, 'not over').replace('_', ' ')}; now {told}\n")


def _judge(watching: Watching, callers: Callers, wanted: Mapping[str, str]) -> None:
    """Find that it went as it should.

    Raises:
        DemoFailed: It did not.
    """
    if faults := callers.faults():
        raise DemoFailed(f"{len(faults)} calls or ratings failed, the first: {faults[0]}")
    if watching.ended != wanted:
        raise DemoFailed(f"rollouts ended as {watching.ended}: should be {wanted}")


def _tell(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _now() -> float:
    return time.monotonic()  # noqa: TID251 - an edge: it watches a live system


if __name__ == "__main__":
    sys.exit(main())
