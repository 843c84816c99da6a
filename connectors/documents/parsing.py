"""Reading documents back from their files, every fault named at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.documents.checked import Checked, parsed
from connectors.documents.proofs import unseal
from connectors.documents.rendering import (
    ARM_FIELDS,
    CONFIG_FIELDS,
    FORM,
    REFERENCE,
    SCHEMA,
    body_of,
)
from optimizer.documents import Allotment, Document, Unit
from optimizer.errors import DocumentInvalid, UnknownVersion
from optimizer.models import Arm, ModelConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Prompts = Callable[[str], str | None]

_LISTED = 2  # an allotment is [arm, slots]
_NUMBER = (int, float)
_TYPES: Mapping[str, tuple[type, ...]] = {
    "model": (str,),
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "top_k": (int,),
    "max_tokens": (int,),
    "presence_penalty": _NUMBER,
    "frequency_penalty": _NUMBER,
    "system_prompt": (str,),
    "extra_params": (dict,),
    "prompt": (str,),
    "prompt_version": (str,),
    "cache": (bool,),
    "declared": (list,),
    "latency_p95_ms": _NUMBER,
}
_OPTIONAL = {"top_k", "presence_penalty", "frequency_penalty", "system_prompt", "latency_p95_ms"}


class Opened(NamedTuple):
    """A document that was read, and the body it stands in."""

    document: Document
    body: bytes


def open_file(
    data: bytes, public_keys: Sequence[str] = (), prompts: Prompts = lambda _: None
) -> Opened:
    """Read a document's file.

    Args:
        data: The file.
        public_keys: Who may have signed it; empty when nobody asks.
        prompts: Gives the text of a reference; None where it is not known.

    Raises:
        DocumentInvalid: It is torn, changed, not signed as it must be, or has faults.
        UnknownVersion: It is in a form this code does not know.
    """
    body = unseal(data, public_keys)
    return Opened(document_of(body, prompts), body)


def document_of(body: bytes, prompts: Prompts = lambda _: None) -> Document:
    """Read the body of a document; arguments and errors are those of `open_file`."""
    faults: list[str] = []
    content = Checked(parsed(body), "", faults)
    if content.take("$schema", str) != SCHEMA:
        content.fault("$schema", f"must be {SCHEMA}")
    flags = content.take("flags", dict)
    content.end()
    if len(flags) != 1:
        raise DocumentInvalid([*faults, f"flags are {len(flags)}: must be one, the route"])
    ((route, flag),) = flags.items()
    document = _document(route, Checked(flag, "flag", faults), faults, prompts)
    if faults:
        raise DocumentInvalid(faults)
    if body_of(document) != body:
        raise DocumentInvalid(["it is not written in its only form: publish it anew"])
    return document


def _document(route: str, flag: Checked, faults: list[str], prompts: Prompts) -> Document:
    if flag.take("state", str) != "ENABLED":
        flag.fault("state", "must be ENABLED")
    variants = flag.take("variants", dict)
    incumbent = flag.take("defaultVariant", str)
    salt, allotments = _targeting(flag)
    told = Checked(flag.take("metadata", dict), "metadata", faults)
    flag.end()
    if (form := told.take("form", int)) > FORM:
        raise UnknownVersion(f"{route} is in form {form}: this version knows up to {FORM}")
    document = Document(
        route=route,
        revision=told.take("revision", int),
        arms=tuple(_arm(name, value, faults, prompts) for name, value in variants.items()),
        allotments=allotments,
        incumbent=incumbent,
        salt=salt,
        unit=_unit(told),
        decision_id=told.take("decision_id", str),
        leased=told.take("leased", bool),
        patience_ms=told.take("patience_ms", int) if "patience_ms" in told.content else 0,
        created_at=told.instant("created_at"),
        reason=told.take("reason", str),
    )
    told.end()
    return document


def _unit(told: Checked) -> Unit:
    text = told.take("unit", str)
    if text in set(Unit):
        return Unit(text)
    told.fault("unit", f"is {text[:80]!r}: must be one of {', '.join(Unit)}")
    return Unit.CALL


def _targeting(flag: Checked) -> tuple[str, tuple[Allotment, ...]]:
    match flag.leave("targeting"):
        case {
            "fractional": [
                {"cat": [str() as salt, {"var": "targetingKey", **more}], **further},
                *shares,
            ],
            **rest,
        } if not (more or further or rest) and all(map(_is_share, shares)):
            owned = [(arm, slots) for arm, slots in shares if slots != 0]
            return salt, tuple(Allotment(arm=arm, slots=slots) for arm, slots in owned)
    flag.fault("targeting", "must be fractional over the salt with the targetingKey")
    return "", ()


def _is_share(share: Any) -> bool:
    return (
        isinstance(share, list)
        and len(share) == _LISTED
        and isinstance(share[0], str)
        and type(share[1]) is int
    )


def _arm(name: str, value: Any, faults: list[str], prompts: Prompts) -> Arm:
    place = f"variants.{name[:80]}"
    variant = Checked(value, place, faults)
    told = {field: variant.leave(field) for field in _TYPES}
    wrong = [field for field, types in _TYPES.items() if not _fits(told[field], field, types)]
    for field in wrong:
        variant.fault(field, f"is {str(told[field])[:80]!r}: must be {_TYPES[field][0].__name__}")
    variant.end()
    if wrong:
        return Arm(config=ModelConfig())
    return _identified(name, told, faults, prompts)


def _fits(value: Any, field: str, types: tuple[type, ...]) -> bool:
    if field == "declared":
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    return (value is None and field in _OPTIONAL) or type(value) in types


def _identified(name: str, told: dict[str, Any], faults: list[str], prompts: Prompts) -> Arm:
    """Give the arm of this name: with its prompt's text or, where that is it, its reference."""
    arm = _built(told)
    prompt = arm.config.system_prompt or ""
    text = prompts(prompt) if arm.id != name and REFERENCE.fullmatch(prompt) else None
    if text is not None:
        arm = _built(told | {"system_prompt": text})
    if arm.id != name:
        why = f"its prompt {prompt} is not here" if prompt and text is None else "it was changed"
        faults.append(f"variants.{name[:80]} has settings of the arm {arm.id}: {why}")
    return arm


def _built(told: dict[str, Any]) -> Arm:
    config = {name: told[name] for name in CONFIG_FIELDS if name != "extra_params"}
    rest = {name: told[name] for name in ARM_FIELDS if name != "declared"}
    return Arm(
        config=ModelConfig(**config, extra_params=told["extra_params"] or {}),
        **rest,
        declared=tuple(told["declared"]),
    )
