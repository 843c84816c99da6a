"""The actuator: brings a gateway to what the log of documents says, and keeps it there.

Level-triggered: what counts is the newest document of each route and what the gateway has, never
how either came to be. So it may be killed at any moment, started twice, or miss a document.
"""

from connectors.actuator.actuator import Actuator
from connectors.actuator.state import open_state

__all__ = ["Actuator", "open_state"]
