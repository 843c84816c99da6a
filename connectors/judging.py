"""What all readers of scores share: what is told of one becomes a judgement, or is refused."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from connectors.echoes import NO_ECHO, Echo, Echoes
from optimizer.errors import DecodeFailed
from optimizer.events import EventSource
from optimizer.judgements import MOST_VALUE, Judge, Judgement
from optimizer.observe.columns import RecordKind
from optimizer.observe.links import NO_LINK, response_link
from optimizer.observe.scales import Scales
from optimizer.observe.values import clean
from optimizer.settings import LinkIndex

if TYPE_CHECKING:
    from optimizer.events import FeedbackEvent, Score
    from optimizer.settings import ScoreSettings, Settings, SourceSettings

MAX_NAMES = 4096


class ToldScore(NamedTuple):
    """A score as another system tells it.

    Attributes:
        identity: What names it there: the system, and its id.
        tenant: Who owns the telemetry.
        name: What was judged.
        raw: Its value; None where there is only a label.
        label: Its label.
        judge: Who judged; None where that is not told.
        time_ns: When; -1 where that is not told.
        trace: Link of the judged call's trace; `NO_LINK` where it is not told.
        span: Link of its span.
        response: Its provider's id for the response.
        echo: What it echoes of the call.
        body: A record of this score alone.
        kind: What those bytes are.
        scale: What its value means where nothing is declared.
    """

    identity: tuple[str, ...]
    tenant: str
    name: str
    raw: float | bool | None
    body: bytes
    label: str = ""
    judge: Judge | None = None
    time_ns: int = -1
    trace: int = NO_LINK
    span: int = NO_LINK
    response: str = ""
    echo: Echo = NO_ECHO
    kind: RecordKind = RecordKind.EVENT
    scale: ScoreSettings | None = None


class Judging:
    """Makes judgements of the scores of one source.

    Args:
        settings: The settings in force.
        source: Where the scores come from.

    Attributes:
        echoes: Reads what they echo.
        tenant: Who owns them, unless the source may tell.
    """

    def __init__(self, settings: Settings, source: SourceSettings) -> None:
        self.echoes = Echoes(settings, source)
        self.tenant = source.tenant
        self._source = source.source
        self._scales = Scales(settings.scores)
        self._index = settings.attribution.index
        self._names: dict[str, str] = {}

    def judgement(self, told: ToldScore) -> Judgement:
        """Give a score as a judgement.

        Raises:
            DecodeFailed: Nothing says what its value means, it is not on its scale, or nothing
                says which call it is about.
        """
        key, slot = told.echo
        response = NO_LINK
        if told.response and self._index is LinkIndex.RESPONSES:
            response = response_link(told.response)
        if key is None and not (told.trace or told.span or response):
            raise DecodeFailed("unlinked_score", self._unlinked(told))
        return Judgement(
            identity=identity_of(told.tenant, self._source, *told.identity),
            time_ns=max(told.time_ns, -1),  # before 1970 is no time, and state could not hold it
            value=self._scales.value(told.name, told.raw, told.label, told.scale),
            name=self._clean(told.name),
            judge=self._scales.judge(told.name) if told.judge is None else told.judge,
            tenant=told.tenant,
            trace=told.trace,
            span=told.span,
            response=response,
            key=key,
            slot=slot,
            body=told.body,
            kind=told.kind,
        )

    def _clean(self, name: str) -> str:
        """Give a name short and printable; few are told, and all the time."""
        known = self._names.get(name)
        if known is None:
            if len(self._names) >= MAX_NAMES:
                self._names.clear()
            known = self._names[name] = clean(name)
        return known

    def _unlinked(self, told: ToldScore) -> str:
        way_out = "name the call's trace or span id, or echo its route and arm"
        if told.response and self._index is not LinkIndex.RESPONSES:
            way_out = "set attribution.index to responses to find calls by response id"
        return f"{clean(told.name)} does not tell which call it is about: {way_out}"


def identity_of(*parts: str) -> int:
    """Give 64 bits of a hash of what names a score: who gave it, and its id there; never 0."""
    octets = "\0".join(parts).encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(octets, digest_size=8).digest(), "little") or 1


def judgement_of(event: FeedbackEvent, score: Score, body: bytes) -> Judgement:
    """Give a score event of our own as a judgement; it echoes where its call was made.

    Args:
        event: The event.
        score: What it holds.
        body: Its bytes.
    """
    tenant = score.route.partition("/")[0]
    return Judgement(
        identity=identity_of(tenant, event.source, event.id),
        time_ns=round(event.timestamp.timestamp() * 1e6) * 1000,
        value=round(score.value * MOST_VALUE),
        name=score.name,
        judge=Judge.HUMAN if event.source is EventSource.USER else Judge.CODE,
        tenant=tenant,
        key=(score.route, score.arm, score.revision, score.cell),
        slot=score.slot,
        body=body,
        kind=RecordKind.SCORE,
    )
