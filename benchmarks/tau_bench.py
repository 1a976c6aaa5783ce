"""The recorded airline trajectories of tau-bench, four trials of each task, from a file to the report.

    $ python -m benchmarks.tau_bench [--data gpt-4o-airline.json]

writes the project into a temporary folder, runs it by the command line, and prints the report.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.trajectories import PUBLISHED, write_trajectories


def main() -> None:
    """Print what the report says of the trajectories."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=PUBLISHED, help="a file of trials")
    trials = json.loads(parser.parse_args().data.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        data = write_trajectories(Path(folder), trials)
        environment = {**os.environ, "DAGSTER_HOME": folder, "EVAL_ASSETS_WAREHOUSE": str(data / "warehouse")}
        for arguments in (("run", "airline"), ("report", "airline")):
            command = [sys.executable, "-m", "eval_assets", "--data", str(data), *arguments]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
            if done.returncode:
                sys.exit(done.stderr)
        print(done.stdout)


if __name__ == "__main__":
    main()
