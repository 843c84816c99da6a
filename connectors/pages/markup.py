"""Markup that cannot be broken out of: whatever is no markup already is escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

VOID = frozenset({"meta", "br", "link"})  # elements of HTML that have no end


class Markup(str):
    """Text that is markup; only this module makes it."""

    __slots__ = ()


Child = str | float | None
Value = str | float | None


def element(tag: str, /, *children: Child, **attributes: Value) -> Markup:
    """Give an element; None among children and attributes is left out.

    Args:
        tag: Its name.
        children: Markup as it stands, all else escaped.
        attributes: By name: `class_` is `class`, `stroke_width` is `stroke-width`.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value), quote=True)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in VOID:
        return Markup(f"<{tag}{given}>")
    return Markup(f"<{tag}{given}>{together(children)}</{tag}>")


def together(children: Iterable[Child]) -> Markup:
    """Give pieces one behind the other."""
    return Markup("".join(_piece(child) for child in children if child is not None))


def document(title: str, style: str, *body: Child) -> str:
    """Give a whole HTML page.

    Args:
        title: Its title.
        style: Its style sheet, our own text.
        body: What it shows.
    """
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        Markup(f"<style>{style}</style>"),
    )
    page = element("html", head, element("body", *body), lang="en")
    return f"<!doctype html>\n{page}\n"


def _piece(child: str | float) -> str:
    return child if isinstance(child, Markup) else escape(_text(child), quote=False)


def _text(value: str | float) -> str:
    """Write a value; a coordinate needs no more than a hundredth of a pixel."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
