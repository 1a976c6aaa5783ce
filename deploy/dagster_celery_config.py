"""What a Celery worker goes by, found on its `PYTHONPATH`."""

import os

broker_url = result_backend = os.environ["CELERY_BROKER_URL"]
task_acks_late = True
"""A run is taken off the queue when it ends: what a dead worker had comes back."""

broker_transport_options = {"visibility_timeout": 6 * 3600}
"""With Redis after so many seconds; no run may take longer."""
