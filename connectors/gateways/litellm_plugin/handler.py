"""The proxy's callback: what LiteLLM calls before, during and after each call."""

from __future__ import annotations

import atexit
import os
import socket
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from fastapi import Request as HttpRequest
from fastapi.responses import JSONResponse
from litellm.integrations.custom_logger import CustomLogger

from connectors.client import Client
from connectors.gateways.litellm_plugin import attributes, requests
from connectors.gateways.litellm_plugin.deployed import stamps_beside
from connectors.gateways.litellm_plugin.exporting import provider_of
from connectors.gateways.litellm_plugin.groups import Groups
from connectors.gateways.litellm_plugin.options import Options, options_of
from connectors.gateways.litellm_plugin.spans import Spans
from connectors.gateways.litellm_plugin.status import PATH, may_ask, status_of
from connectors.gateways.litellm_plugin.steering import Steering
from connectors.journal import note

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Handler(CustomLogger):
    """Steers calls and writes their spans; nothing in it waits, and its failures change no call.

    Args:
        steering: Assigns calls.
        groups: The proxy's model groups.
        spans: Writes spans.
        stamp_key: Signs stamps; None leaves them unsigned.
    """

    def __init__(
        self, steering: Steering, groups: Groups, spans: Spans, stamp_key: str | None = None
    ) -> None:
        super().__init__()
        self._stamp_key = stamp_key
        self.steering = steering
        self._groups = groups
        self._spans = spans

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> dict[str, Any]:
        """Give a call to its arm, before LiteLLM routes it."""
        del cache
        try:
            requests.name_call(data, uuid4().hex)
            request = requests.read(data, call_type, user_api_key_dict)
            assigned = self.steering.assign(request)
            self.steering.rewrite(assigned, request, data)
            choice = assigned.choice
            model = choice.model if choice else ""
            model = model or self._groups.model_of(request.group)
            self._spans.begin(request, assigned, model, data)
        except Exception as error:  # noqa: BLE001 - the call goes on, as without the plugin
            note("error", "call_not_steered", error=repr(error))
        return data

    async def async_post_call_success_hook(
        self, data: dict[str, Any], user_api_key_dict: Any, response: Any
    ) -> None:
        """Keep that a call was answered."""
        del user_api_key_dict, response
        self._spans.answered(requests.call_in(data))

    async def async_log_success_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """End the span of a call that was answered, in one piece or in many."""
        del start_time, end_time
        try:
            call = requests.call_in(kwargs)
            self._spans.dealt(call, stamps_beside(kwargs, self._stamp_key))
            self._spans.succeed(call, kwargs.get("standard_logging_object") or {}, response_obj)
        except Exception as error:  # noqa: BLE001 - telemetry must not trouble the proxy
            note("error", "span_not_written", error=repr(error))

    async def async_log_failure_event(
        self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any
    ) -> None:
        """Keep what a try failed of: LiteLLM may try again, or elsewhere."""
        del response_obj, start_time, end_time
        told = (kwargs.get("standard_logging_object") or {}).get("error_information") or {}
        failure = attributes.of_failure(str(told.get("error_class")), told.get("error_code"))
        call = requests.call_in(kwargs)
        self._spans.dealt(call, stamps_beside(kwargs, self._stamp_key))
        self._spans.failed_once(call, failure)

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: Any,
        traceback_str: str | None = None,
    ) -> None:
        """End the span of a call that failed for good, or that was refused at the door."""
        del traceback_str
        try:
            status = getattr(original_exception, "status_code", None)
            status = status or getattr(original_exception, "code", None)
            failure = attributes.of_failure(type(original_exception).__name__, status)
            call = requests.call_in(request_data)
            if not self._spans.fail(call, failure) and request_data.get("model"):
                kind = str(request_data.get("call_type") or "")
                request = requests.read(request_data, kind, user_api_key_dict)
                model = self._groups.model_of(request.group)
                self._spans.refuse(request, model, request_data, failure)
        except Exception as error:  # noqa: BLE001 - telemetry must not trouble the proxy
            note("error", "span_not_written", error=repr(error))


def handler_of(environment: Mapping[str, str]) -> Handler:
    """Make the handler of a proxy, which follows documents from now on, and its status.

    Raises:
        SettingsInvalid: The variables have faults.
    """
    options = options_of(environment)
    provider = provider_of(environment)
    routes = [route for route in options.routes.values() if not route.endswith("*")]
    client = Client(
        options.documents,
        options.public_keys,
        options.stamp_key,
        routes=routes,
        poll_secs=options.poll_secs,
        keep=options.keep,
    )
    groups = Groups(_deployments, options.models, time.monotonic_ns)
    steering = Steering(client, options.routes, groups)
    spans = Spans(provider, time.time_ns)  # noqa: TID251 - an edge
    atexit.register(spans.close)
    _serve_status(options, client, steering)
    return Handler(steering, groups, spans, options.stamp_key)


def _deployments() -> Sequence[Mapping[str, Any]]:
    """Give the proxy's model list; empty until it has one."""
    from litellm.proxy import proxy_server  # noqa: PLC0415 - it loads this

    router = proxy_server.llm_router
    return router.model_list if router is not None else ()


def _serve_status(options: Options, client: Client, steering: Steering) -> None:
    from litellm.proxy.proxy_server import app  # noqa: PLC0415 - it loads this

    replica = f"{socket.gethostname()}-{os.getpid()}"

    async def status(asked: HttpRequest) -> JSONResponse:
        if not may_ask(options.status_token, asked.headers.get("authorization", "")):
            return JSONResponse({"error": "the token is not the one of this proxy"}, 401)
        return JSONResponse(status_of(replica, options.documents, client, steering))

    app.add_api_route(PATH, status, methods=["GET"], include_in_schema=False)
    app.router.routes.insert(0, app.router.routes.pop())  # before routes that match anything
