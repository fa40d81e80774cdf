"""How every Faust app of the races is set."""

from typing import Any

# Its settings reference: a larger stream buffer "may let you process over 30,000 events a second"; `stream_wait_empty`
# off starts sooner; uvloop is what its `fast` bundle brings.
TUNING: dict[str, Any] = {
    "processing_guarantee": "at_least_once",
    "stream_buffer_maxsize": 131_072,
    "stream_wait_empty": False,
    "stream_publish_on_commit": False,
    "broker_max_poll_records": 2000,
    "broker_commit_interval": 1.0,
    "broker_commit_every": 10_000,
    "consumer_max_fetch_size": 4_194_304,
    "producer_acks": -1,
    "producer_compression_type": "lz4",
    "producer_linger_ms": 2,
    "producer_max_batch_size": 1_000_000,
}
RAW: dict[str, Any] = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}
