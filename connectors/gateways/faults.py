"""What can go wrong at a gateway, to be switched on where one wants to see what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optimizer.errors import GatewayRefused, GatewayUnreachable, ModelGone

if TYPE_CHECKING:
    from optimizer.documents import Document


@dataclass(slots=True, kw_only=True)
class Faults:
    """Faults of a memory gateway; set and unset at will.

    Attributes:
        refusal: Why it will not take any document; `""` while it does.
        gone: Models that are not served any more.
        unreachable_calls: How many more calls of any kind find nobody.
        writes_left: After how many more writes the way there breaks, once; None for never.
        lost_answers: How many more applied documents take effect without an answer.
        stale: Replicas that do not follow any more.
        overridden: The arm that a client asks for itself, by the client, whatever its slot says.
    """

    refusal: str = ""
    gone: set[str] = field(default_factory=set)
    unreachable_calls: int = 0
    writes_left: int | None = None
    lost_answers: int = 0
    stale: set[str] = field(default_factory=set)
    overridden: dict[str, str] = field(default_factory=dict)

    def on_call(self) -> None:
        """Let a call find nobody, if it is to.

        Raises:
            GatewayUnreachable: It is.
        """
        if self.unreachable_calls > 0:
            self.unreachable_calls -= 1
            raise GatewayUnreachable("nobody answers, as the fault unreachable_calls asks")

    def on_apply(self, document: Document) -> None:
        """Let a document be refused, if it is to.

        Raises:
            GatewayRefused: It is.
            ModelGone: An arm of it that has slots cannot be served.
        """
        if self.refusal:
            raise GatewayRefused(self.refusal)
        for arm in document.arms:
            if arm.config.model in self.gone and document.slots_of(arm.id):
                raise ModelGone(f"nobody serves {arm.config.model}", arm.id)

    def on_write(self) -> None:
        """Let the way break before a write, if it is to.

        Raises:
            GatewayUnreachable: It does.
        """
        if self.writes_left is None:
            return
        if self.writes_left == 0:
            self.writes_left = None
            raise GatewayUnreachable("the way broke, as the fault writes_left asks")
        self.writes_left -= 1

    def on_answer(self) -> None:
        """Let an answer be lost, if it is to.

        Raises:
            GatewayUnreachable: It is; what was asked for is done.
        """
        if self.lost_answers > 0:
            self.lost_answers -= 1
            raise GatewayUnreachable("the answer was lost, as the fault lost_answers asks")
