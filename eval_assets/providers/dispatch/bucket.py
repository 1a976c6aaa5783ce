"""A ceiling per minute: of requests, or of tokens."""

BURST_SECONDS = 1.0


class Bucket:
    """Its level may fall below zero; nothing starts until it has recovered.

    Args:
        per_minute: The ceiling.
        now: The present moment; all further ones are of the same clock.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self.rate = per_minute / 60
        self.capacity = max(1.0, self.rate * BURST_SECONDS)
        self.level = self.capacity
        self.filled_at = now

    def seconds_until_free(self, now: float) -> float:
        """How long the next request has to wait."""
        self.level = min(self.capacity, self.level + (now - self.filled_at) * self.rate)
        self.filled_at = now
        # A microscopic deficit is rounding, not a reason to sleep.
        return max(0.0, (min(1.0, self.capacity) - self.level) / self.rate) if self.level < 1.0 - 1e-9 else 0.0
