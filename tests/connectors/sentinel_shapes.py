"""What Sentinel sends, as it sends it."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

ALERT_ID = "6f0c3a52-7f0e-4d5b-9a55-0b6a8d0f3c11"
ANOMALY: dict[str, Any] = json.loads(
    """
{"alert_id":"6f0c3a52-7f0e-4d5b-9a55-0b6a8d0f3c11","timestamp":"2026-11-20T14:03:21.482Z",
 "severity":"high",
 "anomaly_type":"latency_spike","service_name":"chat-api","model":"gpt-4o","detection_method":"z_score","confidence":0.95,
 "details":{"metric":"latency_ms","value":5210.0,"baseline":1480.0,"threshold":3200.0,
  "deviation_sigma":5.2,
  "additional":{"p95":6100.5}},
 "context":{"trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","user_id":null,"region":"eu-west-1",
  "time_window":"last_5_minutes","sample_count":1000,"additional":{}},
 "root_cause":"provider queueing",
 "remediation":["route to the secondary deployment"],"related_alerts":[],"runbook_url":null}
"""
)
ALERT: dict[str, Any] = {
    "alert_id": "9a0c3a52-7f0e-4d5b-9a55-0b6a8d0f3c22",
    "timestamp": "2026-11-20T14:03:22Z",
    "severity": "high",
    "title": "Latency spike on chat-api",
    "description": "latency_ms is 5210, usually 1480",
    "service_name": "chat-api",
    "model": "gpt-4o",
    "tags": ["severity:high", "type:latency_spike"],
    "anomaly": ANOMALY,
}
WEBHOOK: dict[str, Any] = {
    "event_type": "anomaly.detected",
    "timestamp": "2026-11-20T14:03:23Z",
    "data": ANOMALY,
}
DECISION: dict[str, Any] = {
    "decision_id": "0d0c3a52-7f0e-4d5b-9a55-0b6a8d0f3c33",
    "agent_id": "sentinel.detection.anomaly",
    "agent_version": {"major": 1, "minor": 0, "patch": 0},
    "decision_type": "anomaly_detection",
    "inputs_hash": "9f86d081884c7d65",
    "outputs": {
        "anomaly_detected": True,
        "anomaly_event": ANOMALY,
        "detectors_evaluated": ["zscore", "iqr"],
        "triggered_by": "zscore",
        "metadata": {"processing_ms": 3, "baselines_checked": 4},
    },
    "confidence": 0.95,
    "constraints_applied": [
        {
            "constraint_id": "zscore_3.0",
            "constraint_type": "threshold",
            "value": 3.0,
            "passed": False,
            "description": None,
        }
    ],
    "execution_ref": {
        "request_id": "1d0c3a52-7f0e-4d5b-9a55-0b6a8d0f3c44",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": None,
        "source": "llm-observatory",
    },
    "timestamp": "2026-11-20T14:03:24Z",
    "context": {
        "service_name": "chat-api",
        "model": "gpt-4o",
        "region": None,
        "environment": "production",
    },
}
ALL_IS_WELL = DECISION | {
    "outputs": {"anomaly_detected": False, "anomaly_event": None, "detectors_evaluated": ["iqr"]}
}
SIGNAL: dict[str, Any] = {
    "type": "Anomaly",
    "data": {
        "service": "chat-api",
        "model": "gpt-4o",
        "metric": "latency_ms",
        "observed_value": 5210.0,
        "baseline_value": 1480.0,
        "deviation": 5.2,
        "detection_method": "zscore",
        "threshold": 3200.0,
    },
}
PLANNED: dict[str, Any] = {
    "specversion": "1.0",
    "id": "b-1",
    "source": "/llm-sentinel/eu",
    "type": "com.llmdevops.sentinel.anomaly.v1",
    "time": "2026-11-20T14:03:21.482Z",
    "datacontenttype": "application/json",
    "data": {
        "anomaly_type": "latency_spike",
        "severity": "high",
        "affected_services": ["chat-api", "search"],
        "metrics": {
            "cost_usd": {"current": 0.02, "baseline": 0.019, "deviation_sigma": 0.4},
            "latency_ms": {"current": 5210.0, "baseline": 1480.0, "deviation_sigma": 5.2},
        },
        "root_cause_hypothesis": ["provider queueing"],
        "recommended_actions": ["fail over"],
    },
}


def as_bytes(content: object) -> bytes:
    """Write it as Sentinel does: compact, members in their order."""
    return json.dumps(content, separators=(",", ":")).encode()


def wrapped(content: object, **attributes: Any) -> dict[str, Any]:
    """Put something into a structured CloudEvent."""
    return {
        "specversion": "1.0",
        "id": "ce-1",
        "source": "/sentinel",
        "type": "com.llmdevops.sentinel.anomaly.v1",
        "data": content,
    } | attributes


def signed(content: dict[str, Any], key: str) -> dict[str, Any]:
    """Sign a webhook as Sentinel does: the last member, over all before it."""
    digest = hmac.new(key.encode(), as_bytes(content), hashlib.sha256).hexdigest()
    return content | {"signature": digest}
