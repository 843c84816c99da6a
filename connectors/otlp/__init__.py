"""OTLP traces to columns of calls.

`decode` reads protobuf by a fast path in columns, and JSON span by span; what the fast path finds
odd goes through the same reading as JSON, so there is one meaning. The flow of a record:

    bytes -> protobuf: read -> plain rows, odd spans --+
          -> JSON: spans ------------------------------+-> readings -> rows -> Columns
"""

from connectors.otlp.decoder import OtlpDecoder

__all__ = ["OtlpDecoder"]
