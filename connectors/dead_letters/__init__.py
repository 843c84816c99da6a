"""Dead letters: what could not be used, kept with its reason so that it can be read again."""

from connectors.dead_letters.letters import StoredLetter, Wanted, letter_id
from connectors.dead_letters.store import DeadLetterStore

__all__ = ["DeadLetterStore", "StoredLetter", "Wanted", "letter_id"]
