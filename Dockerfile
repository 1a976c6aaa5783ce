# The image of every process of compose.yaml: web server, daemon, code location and workers.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    DAGSTER_DISABLE_TELEMETRY=1 DO_NOT_TRACK=1 GX_ANALYTICS_ENABLED=false

WORKDIR /opt/eval-assets
COPY requirements-machines.lock ./
# The lock file is complete, and each file is compared with its hash.
RUN pip install --require-hashes --no-deps -r requirements-machines.lock
COPY pyproject.toml README.md LICENSE ./
COPY eval_assets ./eval_assets
RUN pip install --no-deps .

# Nobody needs to be root; state and tables lie in volumes that belong to this user.
RUN useradd --create-home --uid 10001 evals \
    && install -d -o evals -g evals /project /home/evals/dagster /state /lake
COPY --chown=evals:evals deploy/dagster.yaml deploy/workspace.yaml /home/evals/dagster/
COPY --chown=evals:evals deploy/dagster_celery_config.py definitions.py /project/
COPY --chown=evals:evals data /project/data
USER 10001

WORKDIR /project
ENV DAGSTER_HOME=/home/evals/dagster EVAL_ASSETS_STATE=/state PYTHONPATH=/project
CMD ["eval-assets", "check", "--machine"]
