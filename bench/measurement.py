"""What one turn of one contestant came to."""

from dataclasses import dataclass, field


@dataclass
class Measurement:
    # Real tokens, special ones included and padding not; `None` where a work counts no tokens.
    tokens: int | None
    seconds: float
    peak_rss_bytes: int
    cpu_seconds: float
    command: list
    # What a program says besides: batch size, padding, steps.
    details: dict = field(default_factory=dict)

    @property
    def tokens_per_s(self):
        return self.tokens / self.seconds if self.tokens else None
