"""Run in Airflow's own environment (``.clients/airflow``): reads a folder of DAGs, runs the one in it.

The last line that it prints is a JSON object of what Airflow made of it. Arguments: the folder, and ``run``.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # before Airflow 3.1
    from airflow.models import DagBag


def read(folder: str) -> tuple[Any, dict[str, Any]]:
    """The DAG, and what it says of itself."""
    bag = DagBag(dag_folder=folder)
    found: dict[str, Any] = {"errors": bag.import_errors, "dags": sorted(bag.dags)}
    dag = next(iter(bag.dags.values()), None)
    if dag is not None:
        (task,) = dag.tasks
        found |= {
            "schedule": dag.schedule,
            "timezone": str(dag.timezone),
            "catchup": dag.catchup,
            "max_active_runs": dag.max_active_runs,
            "command": task.render_template(task.bash_command, {}),
            "cwd": task.cwd,
            "retries": task.retries,
            "skip": list(task.skip_on_exit_code),
        }
    return dag, found


def main() -> None:
    """Read, and run where that is asked for."""
    dag, found = read(sys.argv[1])
    if dag is not None and sys.argv[2:] == ["run"]:
        run = dag.test(logical_date=datetime(2027, 1, 30, tzinfo=UTC))
        found["state"] = str(getattr(run.state, "value", run.state))
        found["tasks"] = [str(getattr(one.state, "value", one.state)) for one in run.get_task_instances()]
    print(json.dumps(found, default=str))


if __name__ == "__main__":
    main()
