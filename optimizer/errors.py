"""The one tree of errors.

OptimizerError
├── SettingsInvalid        the settings have faults; lists all of them
├── DecodeFailed           bytes that cannot be read; becomes a dead letter
├── UnknownVersion         bytes written by a version this code does not know
├── IllegalTransition      a status change the table of statuses does not allow
├── InvalidEvent           a feedback event that contradicts itself
├── WorldInvalid           a simulated world that cannot be built
├── BrokerRefused          a message broker that will not serve us; waiting does not help
├── RecordingInvalid       a recording that cannot be read or written
├── NotRepeated            a replay that says something else than what it repeats
├── NotFound               something asked for by name is not there
├── DocumentInvalid        a document with faults; lists all of them
├── GatewayUnreachable     a gateway that does not answer; trying again may help
├── GatewayRefused         a gateway that will not take a document; trying again does not help
│   └── ModelGone          it does not serve an arm's model any more
├── RevisionConflict       a gateway that holds another revision than expected
└── NotAvailable           asked for, promised for later, not there yet
"""


class OptimizerError(Exception):
    """Any error this product raises on purpose."""


class SettingsInvalid(OptimizerError):
    """The settings have faults; the message lists all of them, one a line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class DecodeFailed(OptimizerError):
    """Bytes that cannot be read.

    Attributes:
        reason: A short constant name, such as `not_protobuf`; kept with the dead letter.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class UnknownVersion(OptimizerError):
    """Bytes written by a version this code does not know."""


class IllegalTransition(OptimizerError):
    """A status change that the table of statuses does not allow; the message names both."""


class InvalidEvent(OptimizerError):
    """A feedback event that contradicts itself."""


class WorldInvalid(OptimizerError):
    """A simulated world that cannot be built."""


class BrokerRefused(OptimizerError):
    """A message broker that will not serve us; the message names it and the setting."""


class RecordingInvalid(OptimizerError):
    """A recording that cannot be read or written."""


class NotRepeated(OptimizerError):
    """A replay said something else than the run that was recorded."""


class StorageFailed(OptimizerError):
    """A database that cannot be read or written; the message names it and the way out."""


class NotFound(OptimizerError):
    """Something asked for by name is not there."""


class NotAvailable(OptimizerError):
    """Something promised for later and not there yet."""


class DocumentInvalid(OptimizerError):
    """A document with faults; the message lists all of them, one a line."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class GatewayUnreachable(OptimizerError):
    """A gateway that does not answer; trying again may help."""


class GatewayRefused(OptimizerError):
    """A gateway that will not take a document; trying again does not help."""


class ModelGone(GatewayRefused):
    """A gateway that does not serve an arm's model any more.

    Attributes:
        arm: The arm's id.
    """

    def __init__(self, message: str, arm: str) -> None:
        super().__init__(message)
        self.arm = arm


class RevisionConflict(OptimizerError):
    """A gateway that holds another revision than expected.

    Attributes:
        found: The revision that is there; 0 for none.
    """

    def __init__(self, message: str, found: int) -> None:
        super().__init__(message)
        self.found = found
