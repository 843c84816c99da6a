"""The section that says what brings documents to the calls."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from optimizer.settings.gateway_api import GatewayApiSettings
from optimizer.settings.kinds import Choice, Names, Number, Text
from optimizer.settings.knobs import knob
from optimizer.settings.litellm_admin import LiteLLMAdminSettings
from optimizer.settings.managed_configs import ConfigManagerSettings

DAY_SECS = 86_400
_ADDRESS = r"""https?://[!"$-.0->A-~]+(/[!"$->A-~]*)?"""  # printable ASCII; no user, no query, no @


class GatewayKind(StrEnum):
    """What brings documents to the calls."""

    NONE = "none"
    MEMORY = "memory"
    DOCUMENTS = "documents"
    GATEWAY_API = "gateway_api"
    ORCHESTRATOR = "orchestrator"
    CONFIGURATIONS = "configurations"
    CONFIG_MANAGER = "config_manager"
    LITELLM_ADMIN = "litellm_admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """What brings documents to the calls."""

    kind: GatewayKind = field(
        default=GatewayKind.NONE,
        metadata=knob(
            "Nothing, a gateway in memory to try things, documents that gateways and clients "
            "follow as files and over HTTP, an orchestrator that compares and swaps over HTTP, "
            "services' configurations as the contract has them, a Config Manager, weights of the "
            "Kubernetes Gateway API, or LiteLLM's admin API",
            Choice(GatewayKind),
        ),
    )
    documents_dir: str = field(
        default="documents",
        metadata=knob("Folder that documents are published to", Text()),
    )
    http_host: str = field(
        default="127.0.0.1",
        metadata=knob("Address that documents are served on", Text()),
    )
    http_port: int | None = field(
        default=None,
        metadata=knob(
            "Port that documents are served on; null serves files only",
            Number(least=0, most=65_535, whole=True),
            null=True,
        ),
    )
    signing_key: str | None = field(
        default=None,
        repr=False,
        metadata=knob(
            "Ed25519 private key that signs documents, 64 hexadecimal digits; best given as the "
            "variable OPTIMIZER_GATEWAY__SIGNING_KEY",
            Text(pattern=r"[0-9a-fA-F]{64}", rule="64 hexadecimal digits"),
            null=True,
            secret=True,
        ),
    )
    lease_secs: int = field(
        default=300,
        metadata=knob(
            "How long a step of a rollout holds when nobody renews it",
            Number(least=30, most=DAY_SECS, whole=True),
            unit="s",
        ),
    )
    replicas: tuple[str, ...] = field(
        default=(),
        metadata=knob(
            "Proxies that follow documents and tell what they run, such as [http://host:4000]",
            Names(
                length=400,
                pattern=_ADDRESS,
                form="such as http://host:4000",
            ),
        ),
    )
    url: str | None = field(
        default=None,
        metadata=knob(
            "Where a gateway is that is spoken to over HTTP, such as http://host:8080",
            Text(pattern=_ADDRESS, rule="such as http://host:8080"),
            null=True,
        ),
    )
    token: str | None = field(
        default=None,
        repr=False,
        metadata=knob(
            "What that gateway asks for, sent as Authorization: Bearer; best given as the variable "
            "OPTIMIZER_GATEWAY__TOKEN",
            Text(pattern=r"[!-~]+", rule="printable ASCII without blanks", most=8192),
            null=True,
            secret=True,
        ),
    )
    timeout_secs: float = field(
        default=5.0,
        metadata=knob(
            "How long that gateway may take for an answer",
            Number(least=0.1, most=60),
            unit="s",
        ),
    )
    config_manager: ConfigManagerSettings = field(default_factory=ConfigManagerSettings)
    gateway_api: GatewayApiSettings = field(default_factory=GatewayApiSettings)
    litellm_admin: LiteLLMAdminSettings = field(default_factory=LiteLLMAdminSettings)
