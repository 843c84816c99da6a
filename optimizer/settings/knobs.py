"""How a knob is declared: its default, its words and its rule, in one place.

A section of the settings is a frozen dataclass. A field of it that can be set carries
`metadata=knob(...)`; a field that holds a section needs nothing but its `default_factory`.
`members` gives back what was declared, and everything else (validation, schema, example, names
of variables) walks those members: a knob is added by writing one field.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from optimizer.settings.kinds import Kind

UNSET: Final = object()


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One value that can be set.

    Attributes:
        doc: What it does, one line.
        kind: What it may be.
        default: What it is when not set; UNSET where something else decides.
        unit: What its number counts; `""` for none.
        null: It may be null.
        required: It must be given.
        later: Its code is not there yet, so only the default is accepted.
        secret: It is never shown.
    """

    doc: str
    kind: Kind
    default: object = UNSET
    unit: str = ""
    null: bool = False
    required: bool = False
    later: bool = False
    secret: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A section: members by name, given as a mapping.

    Attributes:
        doc: What it is about, one line.
        members: What it holds.
    """

    doc: str
    members: Mapping[str, Node]


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list of sections alike.

    Attributes:
        doc: What it lists, one line.
        members: What each item holds.
    """

    doc: str
    members: Mapping[str, Node]


Node = Knob | Group | Items


def knob(
    doc: str,
    kind: Kind,
    *,
    unit: str = "",
    null: bool = False,
    later: bool = False,
    secret: bool = False,
) -> Mapping[str, Node]:
    """Make the metadata of a field that can be set; the field's default is the knob's."""
    return declared(Knob(doc=doc, kind=kind, unit=unit, null=null, later=later, secret=secret))


def declared(node: Node) -> Mapping[str, Node]:
    """Make the metadata of a field that a mapping sets as `node` says."""
    return {"node": node}


def members(section: Any) -> Mapping[str, Node]:
    """Give what a section's dataclass declares, by name, in order."""
    return {item.name: _node(item) for item in fields(section)}


def _node(item: Any) -> Node:
    """Read one field: declared, or else a section whose first line of docstring says what it is."""
    node: Node | None = item.metadata.get("node")
    if node is None:
        section = item.default_factory
        return Group(doc=section.__doc__.splitlines()[0], members=members(section))
    if isinstance(node, Knob) and not node.required:
        made = item.default_factory
        return replace(node, default=item.default if made is MISSING else made())
    return node


def walk(
    within: Mapping[str, Node], prefix: str = "", *, into_lists: bool
) -> Iterator[tuple[str, Knob | Items]]:
    """Give every knob below with its dotted key.

    Args:
        within: Where to begin.
        prefix: What stands before the names there.
        into_lists: Give the knobs of a list's items, the item written `[]`, not the list.
    """
    for name, node in within.items():
        match node:
            case Group():
                yield from walk(node.members, f"{prefix}{name}.", into_lists=into_lists)
            case Items() if into_lists:
                yield from walk(node.members, f"{prefix}{name}[].", into_lists=True)
            case _:
                yield prefix + name, node
