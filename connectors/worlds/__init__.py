"""Worlds in files: read them, and write what happens in them as a recording.

A world file is YAML. Durations are written `90s`, `20m`, `1h30m`, `7d`; a path stands relative to
the file, or after `recorded:` relative to the folder of recorded data. Keys of the world, of
arrivals, load, users and scores stand below with their defaults; those of arms as an example.

    start: 2026-03-02T06:00:00Z
    length: 9h                     # calls arrive for so long
    seed: 0                        # the same file and seed give the same bytes
    partitions: 1                  # of the source
    partition_by: trace            # or user
    heartbeat: 1s                  # of each partition; 0s for none
    exporter: {processes: 2, interval: 5s, batch: 512, jitter: 500ms}   # of each service
    gateway: {delay: 2s, replicas: 1}    # how documents are followed, in a loop
      # and stale: {replicas: 1, start: 2h, length: 1h}: some take up none for a while
    prices:                        # USD per million tokens; others stay as published
      gpt-4o: {input: 2.5, output: 10, cache_read: 1.25}                # cache_read may be left out

    routes:
      - route: acme/chat/support   # tenant/service/route; one tenant a world
        task: other                # as in the settings, and so is
        thresholds: {}
        dialect: G2                # or G1, one a service
        unit: conversation         # what an arm sticks to; or user, call
        revision: 1                # on the stamps; 0 = none, for a route called default
        arms:                      # the first is the incumbent, the others candidates
          - model: gpt-4o          # and any parameter an arm may have in the settings
            name: gpt-4o           # what incidents call it; the model's name unless given
            share: 0.95            # default 0: only listed; in steps of 0.005, summing to 1
            provider: openai
            latency_ms: {median: 1500, sigma: 0.45}   # lognormal, of successful calls
            ttft_ms: {median: 380, sigma: 0.35}       # left out = not streamed
            tokens_in: {median: 900, sigma: 0.6}      # left out = as matrix, arrivals, route say
            tokens_out: {median: 220, sigma: 0.5}     # likewise
            cached: 0.5            # default 0; of a conversation's later inputs
            errors: 0.02           # default 0
            quality: {mean: 0.85, sd: 0.2}            # Beta; left out = as the matrix says
            recorded_as: gpt-4o    # what the matrix calls it; the model's name unless given
        arrivals: {calls_per_minute: 60, rhythm: 0, peak: 14h, dispersion: 0}
          # or {trace: calls.csv, stretch: 1}: columns t_s, input_tokens, output_tokens; repeated
          # or {clients: windows.csv.gz, model: m-mid, scale: 1}: columns model, client, t_s,
          #    rate_rps, cv, in_p50, in_p95, out_p50, out_p95; clients are the users; repeated
        matrix: tasks.csv.gz       # each call is one of its tasks; columns task_id, task, model,
          # quality, input_tokens, output_tokens, latency_ms; or task, q:<model> or quality_<model>
        load: {phi: 0.95, sd: 0, rhythm: 0, peak: 14h}   # AR(1) by the minute, and by the day
        users: {count: 200, activity: lognormal, spread: 1, turns: 1, latency_sd: 0}  # or zipf
        tokens_in: {median: 900, sigma: 0.6}          # where neither arm nor arrivals tell
        tokens_out: {median: 220, sigma: 0.5}         # likewise
        cells: {short: {share: 0.7, latency: 1, tokens: 1}, long: {share: 0.3}}   # default none
          # or `task`: each kind of task of the matrix is a cell
        scores: {share: 0, name: user_feedback, delay: 1m, delay_sigma: 1}

    incidents:                     # without arm: all arms; without length: to the end
      - {kind: latency, route: acme/chat/support, arm: gpt-4o, start: 3h, length: 15m, factor: 3}
      - {kind: errors, route: ..., start: 4h, length: 15m, value: 0.25}   # or factor
      - {kind: price, route: ..., arm: gpt-4o, start: 5h, length: 1h, factor: 2}   # of its model
      - {kind: quality, route: ..., start: 6h, length: 30m, factor: 0.6}  # the others are judged 0
      - {kind: outage, route: ..., start: 7h, length: 5m}                 # every call fails
      - {kind: hang, route: ..., arm: gpt-4o, start: 7h}                  # no call ever ends
      - {kind: traffic, route: ..., start: 8h, factor: 0}                 # 0 is silence

    settings: {}                   # to replay with; routes, tenant and prices follow from above

In a loop (`simulate --loop`) the first arm's share is 1 and each arm says how it behaves, for
documents give the arms their shares; before the first one the incumbent serves all.

Latency and errors go by when a call is made, quality by when the judged call was made.
"""

from connectors.worlds.batches import partition_names, records
from connectors.worlds.reading import WorldFile, read
from connectors.worlds.writing import Summary, write

__all__ = ["Summary", "WorldFile", "partition_names", "read", "records", "write"]
