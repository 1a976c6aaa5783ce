"""What holds for every test."""

import sys

from absl import logging as absl_logging
from hypothesis import settings

# rouge_score brings absl, whose handler holds the standard error of the moment of its import: pytest's capture file,
# which it would close when Dagster sets logging up anew.
absl_logging.get_absl_handler().python_handler.stream = sys.__stderr__

# What a property test promises is a result, not a time on a busy machine.
settings.register_profile("untimed", deadline=None)
settings.register_profile("fast", deadline=None, max_examples=25)
settings.load_profile("untimed")
