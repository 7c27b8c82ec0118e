"""What Prometheus reads at `/metrics`."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """The instruments of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = own = CollectorRegistry()
        self.requests = Counter("weft_requests", "Answers, refusals included.", ["route", "status"], registry=own)
        self.seconds = Histogram(
            "weft_request_seconds", "From the request's head to its answer's end.", ["route"], buckets=SECONDS,
            registry=own,
        )  # fmt: skip
        self.batches = Histogram("weft_batch_size", "Items of a forward pass.", ["tower"], buckets=SIZES, registry=own)
        self.rejected = Counter(
            "weft_rejected", "Requests refused before they ran, by status.", ["status"], registry=own
        )
        self.queue = Gauge("weft_queue_depth", "Items that wait for the model.", registry=own)

    def saw_batch(self, tower: str, size: int) -> None:
        self.batches.labels(tower).observe(size)

    def watch(self, depth: Callable[[], int]) -> None:
        """Reads the queue's depth whenever it is asked for."""
        self.queue.set_function(depth)

    def page(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self.registry)
