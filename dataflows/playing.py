"""A world played with the loop closed: recorded if asked for, and told with hindsight."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from connectors.configuration import load, located
from connectors.prices import open_prices
from connectors.recordings import RecordingWriter
from connectors.vaults.memory import MemoryVault
from connectors.worlds.batches import partition_names
from connectors.worlds.loop_report import LoopReport, told_route
from connectors.worlds.rivals import read_rivals
from connectors.worlds.writing import CONFIG_FILE, write_companions
from dataflows.in_process import InProcess
from dataflows.loop import Loop
from dataflows.parts import Parts
from optimizer.act.profiles import PROFILES
from optimizer.observe.price import PriceTable
from optimizer.simulate.contest import Rivalry
from optimizer.simulate.hindsight import Hindsight, Margins
from optimizer.simulate.incidents import nanoseconds
from optimizer.simulate.rivals import FixedThresholds, MannWhitney
from optimizer.simulate.worth import worth

if TYPE_CHECKING:
    from collections.abc import Callable

    from connectors.worlds import WorldFile
    from dataflows.loop import Said
    from optimizer.settings import Settings
    from optimizer.simulate.worlds import World

STEP_UPS, RANK_JUDGE = "fixed thresholds (Flagger's rules)", "rank judge (Kayenta's)"


class Played(NamedTuple):
    """A loop that was played.

    Attributes:
        settings: Those it was played with.
        loop: What happened in it.
        report: What that came to.
    """

    settings: Settings
    loop: Loop
    report: LoopReport


def play(
    file: WorldFile,
    out: Path | None = None,
    watch: Callable[[Said], None] = lambda _: None,
    progress: Callable[[float], None] = lambda _: None,
) -> Played:
    """Play a world whose traffic the job steers.

    Args:
        file: The world.
        out: Where its telemetry is recorded, and what a replay needs beside it; None for nowhere.
        watch: Sees what is said.
        progress: Told the share of the world's time that has passed.

    Raises:
        WorldInvalid: A document names an arm that the world does not know.
        RecordingInvalid: The folder cannot be written.
    """
    with ExitStack() as stack:
        folder = out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        writer = stack.enter_context(RecordingWriter(folder, partition_names(file.world)))
        settings, job = job_of(file, folder)
        loop = Loop(file, job.take, writer.append, watch)
        loop.run(progress)
        loop.finish(job.finish())
        return Played(settings, loop, report_of(file, settings, loop))


def job_of(file: WorldFile, folder: Path) -> tuple[Settings, InProcess]:
    """Make the job that a world is played with, and the settings it goes by.

    Args:
        file: The world.
        folder: Where the settings and prices that follow from it are written.
    """
    write_companions(file, folder)
    settings = located(load(folder / CONFIG_FILE, {}), folder / CONFIG_FILE)
    names, vault = partition_names(file.world), MemoryVault()
    parts = Parts(settings, names, vault)
    return settings, InProcess(parts, names, settings.stream.shard_groups, vault)


def report_of(file: WorldFile, settings: Settings, loop: Loop) -> LoopReport:
    """Tell what a played loop came to."""
    profile = PROFILES[settings.decisions.risk_profile]
    margins = Margins(profile.ratio, profile.errors, profile.quality)
    prices = PriceTable(open_prices(settings.prices))
    rivalry = _rivalry(settings, file.world)
    said = [one.output for one in loop.said]
    return LoopReport(
        world=file.name,
        seed=file.world.seed,
        start=file.world.start,
        end=file.world.start + file.world.length,
        routes=tuple(
            told_route(
                file.world,
                Hindsight(file.world, drawn, worth(drawn, prices), margins),
                loop.steering[drawn.route.route],
                said,
                rivalry,
            )
            for drawn in loop.drawn
        ),
    )


def _rivalry(settings: Settings, world: World) -> Rivalry:
    """Let rivals hear of a minute, and be followed, as late as we are."""
    rules = read_rivals()
    disorder_ns = round(settings.stream.allowed_disorder_secs * 1e9)
    return Rivalry(
        makes={
            STEP_UPS: lambda usual: FixedThresholds(rules.fixed_thresholds, usual, 1),
            RANK_JUDGE: lambda _: MannWhitney(rules.mann_whitney, 1),
        },
        lag_ns=disorder_ns + nanoseconds(world.following.delay),
    )
