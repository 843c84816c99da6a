"""A client chooses by the newest document that may be believed, and never fails."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext

from connectors.client import Client
from connectors.documents.choices import Choices
from connectors.documents.folder import Folder
from connectors.documents.leases import lease_file
from connectors.documents.names import CURRENT, LEASES, file_of, prompt_file
from connectors.documents.proofs import seal
from connectors.documents.rendering import body_of, prompts_of
from connectors.documents.server import DocumentServer
from connectors.otlp import OtlpDecoder
from connectors.prices import TablePrices
from optimizer.documents import SLOTS, Allotment, Document, Unit
from optimizer.errors import SettingsInvalid
from optimizer.observe.identify import Claims
from optimizer.observe.keys import KeyTable
from optimizer.observe.stamps import Stamp, StampReader, is_signed
from optimizer.settings import Settings, StampCheck
from optimizer.slots import slot_of
from tests.connectors.documents.examples import (
    NEW,
    OLD,
    OTHER_PAIR,
    PAIR,
    ROUTE,
    START,
    a_document,
    a_lease,
    documents,
)
from tests.settings_probes.telemetry import a_request, a_span

SECOND = 10**9
STAMP_KEY = "the key of all stamps"
START_NS = int(START.timestamp()) * SECOND
AT_REST = a_document(slots=10, leased=False)
UNITS = [f"conversation-{number}" for number in range(2000)]
MANY = [f"conversation-{number}" for number in range(100_000)]


@dataclass
class Clocks:
    """A wall clock that can be set, and a monotonic one."""

    wall_s: float = 0.0
    monotonic_s: float = 0.0

    def __call__(self) -> tuple[int, int]:
        return START_NS + int(self.wall_s * SECOND), int((77 + self.monotonic_s) * SECOND)

    def advance(self, seconds: float) -> None:
        self.wall_s += seconds
        self.monotonic_s += seconds


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "documents", PAIR.private)


@pytest.fixture(params=["folder", "server"])
def following(request: pytest.FixtureRequest, folder: Folder) -> Iterator[Callable[..., Client]]:
    """Makes clients of the folder, of which nothing is read but when `refresh` is called."""
    made: list[Client] = []
    server = DocumentServer(folder.path) if request.param == "server" else None

    def follow(**changes) -> Client:
        source = folder.path if server is None else server.address
        given = {"public_key": PAIR.public, "routes": [ROUTE], "poll_secs": 3600, **changes}
        made.append(Client(source, **given))
        return made[-1]

    yield follow
    for client in made:
        client.close()
    if server is not None:
        server.close()


def share_of(client: Client, arm: str) -> float:
    return sum(client.choose(ROUTE, unit).arm == arm for unit in UNITS) / len(UNITS)


def test_a_choice_says_how_to_call(following, folder: Folder) -> None:
    folder.publish(a_document(slots=200, leased=False))
    choice = following().choose(ROUTE, "someone")
    assert (choice.arm, choice.model, choice.system_prompt) == (NEW.id, "gpt-4o-mini", "Be brief.")
    assert choice.parameters == {"temperature": 0.2, "top_p": 0.9, "max_tokens": 1024}
    assert (choice.revision, choice.slot) == (7, slot_of("3f1c0a", "someone"))


def test_extra_parameters_are_parameters(following, folder: Folder) -> None:
    arm = replace(OLD, config=replace(OLD.config, extra_params={"seed": 7}))
    whole = (Allotment(arm=arm.id, slots=SLOTS),)
    folder.publish(a_document(arms=(arm,), allotments=whole, incumbent=arm.id, leased=False))
    assert following().choose(ROUTE, "someone").parameters["seed"] == 7


def test_shares_are_those_of_the_document(following, folder: Folder) -> None:
    folder.publish(a_document(slots=50, leased=False))
    assert share_of(following(), NEW.id) == pytest.approx(0.25, abs=0.03)


def test_a_newer_document_is_followed(following, folder: Folder) -> None:
    folder.publish(AT_REST)
    client = following()
    folder.publish(a_document(slots=200, revision=8, leased=False))
    assert client.choose(ROUTE, "someone").revision == 7
    client.refresh()
    assert client.choose(ROUTE, "someone").revision == 8
    assert client.unit_of(ROUTE) is Unit.CONVERSATION


def test_without_a_document_the_application_calls_as_it_would(following) -> None:
    choice = following().choose(ROUTE, "someone")
    assert (choice.arm, choice.model, choice.parameters, choice.slot) == ("", "", {}, -1)
    assert choice.stamps == {"llm.optimizer.route": ROUTE}


def test_a_route_is_followed_from_when_it_is_asked_for(following, folder: Folder) -> None:
    folder.publish(AT_REST)
    client = following(routes=[])
    assert client.choose(ROUTE, "someone").arm == ""
    client.refresh()
    assert client.choose(ROUTE, "someone").arm == OLD.id


def files_that_must_change_nothing() -> dict[str, bytes]:
    newer = a_document(slots=200, revision=8, leased=False)
    signed = seal(body_of(newer), PAIR.private)
    return {
        "unsigned": seal(body_of(newer)),
        "wrongly signed": seal(body_of(newer), OTHER_PAIR.private),
        "torn": signed[: len(signed) // 2],
        "empty": b"",
        "changed": signed.replace(b"gpt-4o-mini", b"gpt-4o-nano"),
        "older": seal(body_of(replace(newer, revision=6)), PAIR.private),
        "another of the same revision": seal(body_of(replace(newer, revision=7)), PAIR.private),
        "of another route": seal(body_of(replace(newer, route="acme/shop/sum")), PAIR.private),
        "a lease": lease_file(a_lease(newer), PAIR.private),
        "of a later form": seal(body_of(newer).replace(b'"form":1', b'"form":2'), PAIR.private),
        "endless": b"x" * 1_000_000,
    }


@pytest.mark.parametrize("what", files_that_must_change_nothing())
def test_what_cannot_be_believed_changes_nothing(following, folder: Folder, what: str) -> None:
    folder.publish(AT_REST)
    client = following()
    before = [client.choose(ROUTE, unit) for unit in UNITS[:200]]
    (folder.path / file_of(CURRENT, ROUTE)).write_bytes(files_that_must_change_nothing()[what])
    client.refresh()
    assert [client.choose(ROUTE, unit) for unit in UNITS[:200]] == before
    assert client.status(ROUTE).trouble
    (folder.path / file_of(CURRENT, ROUTE)).unlink()
    folder.publish(a_document(revision=9, leased=False))
    client.refresh()
    assert client.status(ROUTE) == client.status(ROUTE)._replace(revision=9, trouble="")


def test_a_document_that_is_gone_is_followed_still(following, folder: Folder) -> None:
    folder.publish(AT_REST)
    client = following()
    with folder.held():
        folder.withdraw(ROUTE)
    client.refresh()
    assert client.choose(ROUTE, "someone").revision == 7


def test_unsigned_documents_are_believed_where_there_is_no_key(tmp_path: Path) -> None:
    Folder(tmp_path).publish(AT_REST)
    with Client(tmp_path, routes=[ROUTE], poll_secs=3600) as client:
        assert client.choose(ROUTE, "someone").revision == 7


def test_a_prompt_that_is_not_there_keeps_the_old_document(following, folder: Folder) -> None:
    folder.publish(a_document(slots=10, revision=6, leased=False))
    client = following()
    changed = replace(NEW, config=replace(NEW.config, system_prompt="Be kind."))
    next_ = a_document(
        arms=(OLD, changed),
        allotments=(Allotment(arm=changed.id, slots=10), Allotment(arm=OLD.id, slots=190)),
        leased=False,
    )
    folder.publish(next_)
    prompt = folder.path / prompt_file(next(iter(prompts_of(next_))))
    text = prompt.read_text()
    prompt.unlink()
    client.refresh()
    assert client.status(ROUTE).revision == 6
    prompt.write_text(text)
    client.refresh()
    assert client.status(ROUTE).revision == 7


def test_a_server_that_is_away_changes_nothing(folder: Folder) -> None:
    folder.publish(AT_REST)
    server = DocumentServer(folder.path)
    with Client(server.address, PAIR.public, routes=[ROUTE], poll_secs=3600) as client:
        server.close()
        client.refresh()
        assert client.choose(ROUTE, "someone").revision == 7
        assert "refused" in client.status(ROUTE).trouble
        folder.publish(a_document(revision=8, leased=False))
        again = DocumentServer(folder.path, port=int(server.address.rsplit(":", 1)[1]))
        client.refresh()
        assert client.status(ROUTE).revision == 8
        assert client.status(ROUTE).trouble == ""
        again.close()


def test_a_server_that_answers_nonsense_changes_nothing() -> None:
    nonsense = socket.create_server(("127.0.0.1", 0))
    port = nonsense.getsockname()[1]
    answers = [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx",
               b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
               b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
               b"HTTP/1.1 304 Not Modified\r\n\r\n",
               b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n" + b"x" * 10**6]  # fmt: skip

    def serve() -> None:
        for answer in answers:
            connection, _ = nonsense.accept()
            with connection:
                connection.recv(4096)
                try:
                    connection.sendall(answer)
                except OSError:
                    continue
        nonsense.close()  # who waits for an answer is told at once

    thread = threading.Thread(target=serve)
    thread.start()
    client = Client(f"http://127.0.0.1:{port}", poll_secs=3600)
    assert client.choose(ROUTE, "someone").arm == ""
    while thread.is_alive():
        client.refresh()
        assert client.choose(ROUTE, "someone").arm == ""
        assert client.status(ROUTE).trouble
    thread.join()
    client.close()


@pytest.fixture
def leased(folder: Folder) -> Folder:
    folder.publish(a_document(slots=100), lease=a_lease(a_document(slots=100)))
    return folder


@pytest.mark.usefixtures("leased")
def test_a_leased_document_is_followed_until_its_lease_ends(following) -> None:
    clocks = Clocks()
    client = following(clocks=clocks)
    assert share_of(client, NEW.id) == pytest.approx(0.5, abs=0.04)
    clocks.advance(299)
    assert client.status(ROUTE).is_followed
    clocks.advance(1)
    assert share_of(client, NEW.id) == 0
    assert not client.status(ROUTE).is_followed


def test_a_renewed_lease_holds_on(following, leased: Folder) -> None:
    clocks = Clocks()
    client = following(clocks=clocks)
    clocks.advance(200)
    leased.renew(a_lease(a_document(slots=100), START.replace(minute=3)))
    client.refresh()
    clocks.advance(200)
    assert client.status(ROUTE).is_followed
    clocks.advance(100)
    assert not client.status(ROUTE).is_followed


def test_a_lease_that_comes_after_its_end_can_be_renewed(following, leased: Folder) -> None:
    clocks = Clocks()
    client = following(clocks=clocks)
    clocks.advance(1000)
    assert not client.status(ROUTE).is_followed
    leased.renew(a_lease(a_document(slots=100), START.replace(minute=16)))
    client.refresh()
    assert client.status(ROUTE).is_followed


def test_a_choice_says_how_long_its_call_is_waited_for(following, folder: Folder) -> None:
    folder.publish(a_document(revision=8, leased=False, patience_ms=8000))
    assert following().choose(ROUTE, "someone").patience_ms == 8000


def test_no_call_is_waited_for_that_proves_nothing(following, leased: Folder) -> None:
    leased.publish(a_document(revision=8, patience_ms=8000))
    choice = following(clocks=Clocks(wall_s=999)).choose(ROUTE, "someone")
    assert (choice.arm, choice.patience_ms) == (OLD.id, 0)


@pytest.mark.usefixtures("leased")
def test_calls_of_the_incumbent_after_a_lease_prove_nothing(following) -> None:
    clocks = Clocks(wall_s=999)
    choice = following(clocks=clocks, stamp_key="key").choose(ROUTE, "someone")
    assert (choice.arm, choice.revision, choice.slot) == (OLD.id, 0, -1)
    assert "llm.optimizer.revision" not in choice.stamps
    assert "llm.optimizer.slot" not in choice.stamps


@pytest.mark.usefixtures("leased")
@pytest.mark.parametrize(
    ("wall_s", "monotonic_s", "is_followed"),
    [
        pytest.param(-86_400, 299, True, id="set back, within the lease"),
        pytest.param(-86_400, 301, False, id="set back, which makes it no longer"),
        pytest.param(86_400, 10, False, id="set on"),
        pytest.param(301, 10, False, id="after a sleep"),
    ],
)
def test_a_clock_that_jumps_makes_no_lease_longer(
    following, wall_s: float, monotonic_s: float, *, is_followed: bool
) -> None:
    clocks = Clocks()
    client = following(clocks=clocks)
    clocks.wall_s, clocks.monotonic_s = wall_s, monotonic_s
    client.refresh()
    assert client.status(ROUTE).is_followed is is_followed


@pytest.mark.parametrize(
    "lease",
    [
        pytest.param(None, id="none"),
        pytest.param(lease_file(a_lease(a_document(slots=100))), id="unsigned"),
        pytest.param(lease_file(a_lease(a_document(slots=101)), PAIR.private), id="of another"),
        pytest.param(lease_file(a_lease(a_document(slots=100)), PAIR.private)[:-9], id="torn"),
        pytest.param(
            lease_file(a_lease(a_document(slots=100), returned=True), PAIR.private), id="returned"
        ),
    ],
)
def test_without_a_good_lease_the_incumbent_serves_all(following, folder, lease) -> None:
    folder.publish(a_document(slots=100))
    if lease is not None:
        (folder.path / LEASES / "acme/shop").mkdir(parents=True)
        (folder.path / file_of(LEASES, ROUTE)).write_bytes(lease)
    client = following(clocks=Clocks())
    assert share_of(client, OLD.id) == 1
    assert not client.status(ROUTE).is_followed


def test_a_lease_from_before_is_not_taken_again(following, leased: Folder) -> None:
    clocks = Clocks()
    client = following(clocks=clocks)
    leased.renew(a_lease(a_document(slots=100), START.replace(minute=1), returned=True))
    client.refresh()
    assert share_of(client, NEW.id) == 0
    leased.renew(a_lease(a_document(slots=100)))
    client.refresh()
    assert share_of(client, NEW.id) == 0
    assert "older" in client.status(ROUTE).trouble


def test_what_is_returned_serves_the_incumbent_also_at_rest(following, folder: Folder) -> None:
    folder.publish(AT_REST)
    folder.renew(a_lease(AT_REST, returned=True))
    assert share_of(following(), OLD.id) == 1


def test_a_next_step_is_followed_with_its_lease_in_one(following, leased: Folder) -> None:
    client = following(clocks=Clocks())
    before = {unit for unit in UNITS if client.choose(ROUTE, unit).arm == NEW.id}
    wider = a_document(slots=150, revision=8)
    leased.publish(wider, lease=a_lease(wider))
    client.refresh()
    assert before < {unit for unit in UNITS if client.choose(ROUTE, unit).arm == NEW.id}


@pytest.mark.usefixtures("leased")
def test_a_restart_follows_on(following) -> None:
    clocks = Clocks()
    one = following(clocks=clocks)
    clocks.advance(250)
    other = following(clocks=clocks)
    assert [one.choose(ROUTE, unit) for unit in UNITS] == [
        other.choose(ROUTE, unit) for unit in UNITS
    ]
    clocks.advance(50)
    assert not other.status(ROUTE).is_followed


@pytest.mark.parametrize("source", ["http://127.0.0.1:1", "nowhere"])
def test_a_restart_while_the_source_is_away_goes_on_with_what_was_kept(
    following, folder: Folder, tmp_path: Path, source: str
) -> None:
    folder.publish(AT_REST)
    before = following(keep=tmp_path / "kept")
    with Client(
        source, PAIR.public, routes=[ROUTE], poll_secs=3600, keep=tmp_path / "kept"
    ) as again:
        assert [again.choose(ROUTE, unit) for unit in UNITS] == [
            before.choose(ROUTE, unit) for unit in UNITS
        ]


def test_what_was_kept_is_checked_and_not_replaced_by_older_ones(
    following, folder: Folder, tmp_path: Path
) -> None:
    folder.publish(AT_REST)
    following(keep=tmp_path / "kept")
    with folder.held():
        folder.withdraw(ROUTE)
    folder.publish(a_document(revision=5, leased=False))
    assert following(keep=tmp_path / "kept").status(ROUTE).revision == 7
    assert following().status(ROUTE).revision == 5
    kept = tmp_path / "kept" / file_of(CURRENT, ROUTE)
    kept.write_bytes(kept.read_bytes().replace(b"gpt-4o-mini", b"gpt-4o-nano"))
    assert following(keep=tmp_path / "kept").status(ROUTE).revision == 5


def test_a_step_that_was_kept_needs_a_lease_from_its_source(
    following, leased: Folder, tmp_path: Path
) -> None:
    assert following(keep=tmp_path / "kept", clocks=Clocks()).status(ROUTE).is_followed
    (leased.path / file_of(LEASES, ROUTE)).unlink()
    assert not following(keep=tmp_path / "kept", clocks=Clocks()).status(ROUTE).is_followed


def test_a_folder_that_cannot_be_kept_in_changes_nothing(
    following, folder: Folder, tmp_path: Path
) -> None:
    folder.publish(AT_REST)
    (tmp_path / "kept").write_text("a file")
    assert following(keep=tmp_path / "kept").status(ROUTE).revision == 7


def test_stamps_are_signed_as_telemetry_checks_them(following, folder: Folder) -> None:
    folder.publish(AT_REST)
    client = following(stamp_key="the key")
    for choice in (client.choose(ROUTE, "someone", cell="long"), client.choose(ROUTE, "other")):
        stamps = dict(choice.stamps)
        signature = stamps.pop("llm.optimizer.signature")
        assert stamps == {
            "llm.optimizer.route": ROUTE,
            "llm.optimizer.arm": choice.arm,
            "llm.optimizer.revision": 7,
            "llm.optimizer.slot": choice.slot,
        } | ({"llm.optimizer.cell": choice.cell} if choice.cell else {})
        stamp = Stamp("acme", ROUTE, choice.arm, choice.cell, choice.revision, choice.slot)
        assert is_signed("the key", stamp, signature)


def test_calls_with_these_stamps_are_counted_as_they_were_chosen(following, folder: Folder) -> None:
    folder.publish(AT_REST)
    client = following(stamp_key=STAMP_KEY)
    choices = [client.choose(ROUTE, unit, cell="short") for unit in UNITS[:50]]
    choices.append(client.choose("acme/shop/sum", "someone"))
    claims = Claims(stamps=StampReader(StampCheck.REQUIRED, STAMP_KEY))
    decoder = OtlpDecoder(Settings(), TablePrices({}), "acme", claims=claims)
    spans = [a_span(number, **choice.stamps) for number, choice in enumerate(choices, 1)]
    table = KeyTable()
    decoded = decoder.decode(a_request(*spans), table)
    keys = [table.keys[code] for code in decoded.columns.key]
    assert decoded.columns.slot.tolist() == [choice.slot for choice in choices]
    assert [(key.route, key.revision) for key in keys] == [
        (choice.route, choice.revision) for choice in choices
    ]
    assert [key.arm for key in keys[:-1]] == [choice.arm for choice in choices[:-1]]
    assert decoded.counts["calls"] == len(choices)
    assert not {"unsigned", "badly_signed"} & set(decoded.counts)


def test_what_a_choice_holds_cannot_be_changed(following, folder: Folder) -> None:
    folder.publish(AT_REST)
    choice = following().choose(ROUTE, "someone")
    for held in (choice.parameters, choice.stamps):
        with pytest.raises(TypeError):
            held["temperature"] = 1


def test_any_number_of_cells_can_be_asked_for(following, folder: Folder) -> None:
    folder.publish(AT_REST)
    client = following()
    for number in range(300):
        choice = client.choose(ROUTE, "someone", cell=f"cell-{number}")
        assert (choice.cell, choice.slot) == (f"cell-{number}", slot_of("3f1c0a", "someone"))


@settings(max_examples=10)
@given(documents())
def test_a_choice_is_the_arm_that_the_document_names(document: Document) -> None:
    choices = Choices(document)
    for number in range(100):
        unit = f"user-{number}"
        choice = choices.choose(unit)
        assert choice.arm == document.arm_of(slot_of(document.salt, unit))
        assert choice.model == next(a for a in document.arms if a.id == choice.arm).config.model


def test_client_and_document_agree_over_100_000_units() -> None:
    document = a_document(slots=10)
    choices = Choices(document)
    owners = [document.arm_of(slot) for slot in range(SLOTS)]
    assert [choices.choose(unit).arm for unit in MANY] == [
        owners[slot_of(document.salt, unit)] for unit in MANY
    ]


@pytest.mark.slow
def test_client_and_flagd_agree_over_100_000_units() -> None:
    document, flagd = a_document(slots=50), FlagdCore()
    flagd.set_flags(seal(body_of(document), PAIR.private).decode())
    choices = Choices(document)
    assert [choices.choose(unit).arm for unit in MANY] == [
        flagd.resolve_object_value(ROUTE, {}, EvaluationContext(unit)).variant for unit in MANY
    ]


@cache
def choices_of(slots: int) -> Choices:
    return Choices(a_document(slots=slots))


@given(st.lists(st.integers(1, 199), min_size=2, max_size=5, unique=True).map(sorted), st.text())
def test_nobody_leaves_the_cohort_when_it_grows(steps: list[int], unit: str) -> None:
    arms = [choices_of(slots).choose(unit).arm for slots in steps]
    assert arms == sorted(arms, key=[OLD.id, NEW.id].index)


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ("http://", None),
        ("http://a/?b", None),
        ("http://a:b", None),
        ("http://[::1", None),
        ("http://user:hunter2@a", None),
        ("documents", "no key"),
    ],
)
def test_bad_settings_are_told_at_once_and_no_password(source: str, key: str | None) -> None:
    with pytest.raises(SettingsInvalid) as told:
        Client(source, key)
    assert "hunter2" not in str(told.value)


def wait_for(is_so: Callable[[], bool]) -> None:
    for _ in range(2000):
        if is_so():
            return
        time.sleep(0.01)
    pytest.fail("it never became so")


@pytest.mark.parametrize("kind", ["folder", "server"])
def test_the_thread_follows_on_its_own(folder: Folder, kind: str) -> None:
    server = DocumentServer(folder.path)
    source = folder.path if kind == "folder" else server.address
    with Client(source, PAIR.public, poll_secs=0.01) as client:
        client.choose(ROUTE, "someone")
        folder.publish(AT_REST)
        wait_for(lambda: client.choose(ROUTE, "someone").revision == 7)
        folder.publish(replace(AT_REST, revision=8))
        wait_for(lambda: client.choose(ROUTE, "someone").revision == 8)
    server.close()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_follows_too(folder: Folder) -> None:
    folder.publish(AT_REST)
    with Client(folder.path, PAIR.public, routes=[ROUTE], poll_secs=0.01) as client:
        child = os.fork()
        if child == 0:
            try:
                wait_for(lambda: client.choose(ROUTE, "someone").revision == 8)
            except BaseException:  # noqa: BLE001 - the child must not go on with the tests
                os._exit(1)
            os._exit(0)
        folder.publish(replace(AT_REST, revision=8))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_importing_the_client_loads_nothing_heavy() -> None:
    program = (
        "import sys; from connectors.client import Client; "
        "heavy = {'numpy', 'scipy', 'pydantic', 'msgspec', 'yaml', 'cryptography', 'bytewax'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"
