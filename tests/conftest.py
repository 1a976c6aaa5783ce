"""What holds for every test."""

import sys

from absl import logging as absl_logging

# rouge_score brings absl, whose handler holds the standard error of the moment of its import: pytest's capture file,
# which it would close when Dagster sets logging up anew.
absl_logging.get_absl_handler().python_handler.stream = sys.__stderr__
