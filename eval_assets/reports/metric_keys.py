"""The keys under which programs find aggregates and scores: MLflow's."""


def metric_key(metric: str, version: str | None, what: str) -> str:
    """The key of an aggregate of a metric, or of the column with its scores.

    Args:
        metric: Name of the metric or judge.
        version: Of the metric; without one there is none in the key.
        what: `mean`, `variance`, `p90`, `score`, `justification`, …

    >>> metric_key("rouge1", "v1", "mean"), metric_key("token_count", "", "p90")
    ('rouge1/v1/mean', 'token_count/p90')
    """
    return "/".join(part for part in (metric, version, what) if part)
