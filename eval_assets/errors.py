"""The one exception tree of the project. A message says what was expected, what came, where, and what to do."""


class EvalAssetsError(Exception):
    """Whatever this project raises on purpose."""


class ConfigError(EvalAssetsError):
    """A file in `data/` can't be used; the message lists every problem with file, line and field."""


class DatasetError(ConfigError):
    """The rows of an eval dataset can't be used."""


class TemplateError(ConfigError):
    """A prompt or judge template can't be parsed or rendered."""


class MissingKeyError(EvalAssetsError):
    """A model needs a secret from the environment that is not set; said before any request."""


class StorageError(EvalAssetsError):
    """A Delta table, the reply journal or the disk below them can't be used."""


class StorageFullError(StorageError):
    """No room is left to keep a reply; raised before the request that would need it is sent."""


class OvertakenError(StorageError):
    """Other writers were faster: what was to be written may be made from rows that are no longer there."""


class RowsGoneError(StorageError):
    """Rows that were replaced can't be read any more: maintenance has removed them."""


class LabelError(EvalAssetsError):
    """A label that a person gives can't be taken."""


class ReplayMissError(EvalAssetsError):
    """Cache policy `replay` found no stored reply for a request."""


class KeySchemaError(EvalAssetsError):
    """Stored replies carry another version of the request key schema than this release writes."""


class BudgetExceededError(EvalAssetsError):
    """The next request could exceed the budget; everything answered so far is kept."""


class UnderWayError(EvalAssetsError):
    """Requests wait in a provider's batch, or are about to: their replies are collected later."""


class RunFailedError(EvalAssetsError):
    """Something of a run crashed or could not be finished; everything answered so far is kept."""


class StoppedError(EvalAssetsError):
    """The run was asked to stop; everything answered so far is kept."""


class ProviderError(EvalAssetsError):
    """A provider can't be used for a whole partition: key refused, unknown model, endpoint unreachable."""


class ClusterError(EvalAssetsError):
    """Ray can't be used: it isn't installed, isn't there, or has no room."""


class MetricError(EvalAssetsError):
    """A metric is unknown, misdeclared or depends on itself."""


class JudgeError(EvalAssetsError):
    """A judge is misdeclared."""


class TraceError(EvalAssetsError):
    """An id names nothing, or more than one thing."""


class ExportError(EvalAssetsError):
    """Results can't be written in a format: its package is missing, or it can't hold them."""


class ViewError(EvalAssetsError):
    """An address of the viewer asks for something that there is not."""


class EditError(EvalAssetsError):
    """An edit is sent to a viewer that takes none, or not from a page of its own."""


class DataQualityError(EvalAssetsError):
    """Rows can't be checked: an expectation about them can't be evaluated."""


class StatisticsError(EvalAssetsError):
    """Scores that no statistic can be computed from as they were passed."""


class UnpairedScoresError(StatisticsError):
    """Two columns that must describe the same examples in the same order do not."""


class UnscoredRowsError(StatisticsError):
    """NaN reached a function that counts no missing rows; drop or bound them first."""


class ScoreRangeError(StatisticsError):
    """A score or a setting lies outside the range it was declared with."""
