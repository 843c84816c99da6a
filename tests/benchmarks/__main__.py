"""`make bench`: all benchmarks, or `make bench NAME=<name> [DATA=<file or folder>]` one."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from tests.benchmarks.figures import calibration, keep, show

NAMES = (
    "otlp_spans_to_windows",
    "otlp_json_spans_to_windows",
    "otlp_small_records",
    "columnar_events_to_windows",
    "scores_per_s",
    "otlp_http_spans_per_s",
    "kafka_spans_to_windows",
    "decision_latency_p99_ms",
    "snapshot_pause_p99_ms",
    "hot_state_mb_1000_routes",
    "rss_idle_mb",
    "rss_1000_routes_mb",
    "cli_help_ms",
    "client_choose_us",
    "litellm_overhead_ms",
    "kill",
    "actuator_kill",
    "litellm_kill",
    "rollback_by_limit_s",
    "rollout_kill",
    "false_alarms",
    "fuzz_payloads",
    "gate_type_one",
    "gate_power",
    "label_swap",
    "share_check",
    "loop_speedup",
)


def main() -> int:
    """Run benchmarks; 2 when there is none of that name."""
    parser = argparse.ArgumentParser(prog="make bench NAME=")
    parser.add_argument("name", nargs="?", choices=NAMES, help="one benchmark; all without it")
    parser.add_argument("--data", type=Path, help="a recording or data file to use")
    parser.add_argument("--small", action="store_true", help="only see that it works")
    options = parser.parse_args()
    for name in [options.name] if options.name else NAMES:
        bench = importlib.import_module(f"tests.benchmarks.{name}")
        figures = []
        for figure in [*bench.run(small=options.small, data=options.data), calibration()]:
            show(figure)
            figures.append(figure)
        if not options.small and options.data is None:
            keep(name, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
