# SPDX-License-Identifier: Apache-2.0
"""The import time of the operator, compared with two common operators.

Each import runs in a fresh interpreter that has already loaded the imports of any Dag file (``airflow``
and its ``DAG``). The operators take turns, so that a busy moment of the machine affects all of them.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 7
OPERATORS = {
    "RollbackOperator": "airflow_rollback_provider.operators.rollback",
    "KubernetesPodOperator": "airflow.providers.cncf.kubernetes.operators.pod",
    "DatabricksRunNowOperator": "airflow.providers.databricks.operators.databricks",
}
_PROBE = """
import importlib, json, sys, time, warnings
warnings.simplefilter("ignore")
try:
    from airflow.sdk import DAG
except ImportError:
    from airflow import DAG
loaded = len(sys.modules)
start = time.perf_counter()
module = importlib.import_module(sys.argv[1])
getattr(module, sys.argv[2])
print(json.dumps({"seconds": time.perf_counter() - start, "modules": len(sys.modules) - loaded}))
"""


def run() -> Iterator[str]:
    """Measure the imports in turns and print medians and ratios."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
        for name in OPERATORS:
            _import(name, environment)  # compiles the bytecode, fills the disk cache
        samples = {name: [] for name in OPERATORS}
        for _ in range(ROUNDS):
            for name in OPERATORS:
                samples[name].append(_import(name, environment))
    yield from _table(samples)


def _import(name: str, environment: dict[str, str]) -> dict[str, float]:
    command = [sys.executable, "-c", _PROBE, OPERATORS[name], name]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _table(samples: dict[str, list[dict[str, float]]]) -> Iterator[str]:
    medians = {
        name: statistics.median(sample["seconds"] for sample in runs) for name, runs in samples.items()
    }
    ours = medians["RollbackOperator"]
    yield f"{'import of':26} {'median of ' + str(ROUNDS):>14} {'ratio to ours':>14} {'modules':>8}"
    for name, seconds in sorted(medians.items(), key=lambda item: item[1]):
        modules = samples[name][0]["modules"]
        yield f"{name:26} {seconds * 1000:11.1f} ms {seconds / ours:14.1f} {modules:8.0f}"
    yield f"ours is the lowest: {'yes' if ours == min(medians.values()) else 'NO'}"
