# SPDX-License-Identifier: Apache-2.0
"""The Dag that comes with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow import DAG

from airflow_rollback_provider.compat import BaseOperator, Param
from airflow_rollback_provider.dags import rollback_dag
from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.operators.rollback import RollbackOperator
from airflow_rollback_provider.sandbox.process import SandboxProcess
from tests.support.store import store  # noqa: F401 - an autouse fixture
from tests.support.task_run import run

TWO_LINES = """\
from airflow_rollback_provider.dags import rollback_dag
dag = rollback_dag(dag_id="roll_back_by_hand")
"""
REQUIRED = {"deployment_id": "billing", "description": "Wrong totals"}


def task_of(dag: DAG) -> Any:
    """The task that rolls back."""
    return dag.get_task("roll_back")


def rendered(dag: DAG, **conf: Any) -> Any:
    """The task as a run with this ``conf`` renders it."""
    params = dag.params.__copy__()
    params.update(conf)
    task = task_of(dag)
    task.render_template_fields({"params": params.validate()})
    return task


def dag_bag(folder: Path) -> Any:
    """Airflow's own collection of the Dags of a folder, as its Dag processor reads them by default."""
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # before Airflow 3.2
        from airflow.models.dagbag import DagBag  # type: ignore[no-redef]
    return DagBag(str(folder), safe_mode=True)


@pytest.mark.matrix
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Airflow's own collection
def test_two_lines_are_a_dag_file(tmp_path: Path) -> None:
    """Airflow takes the file for one with a Dag, and the Dag's code for the file's."""
    file = tmp_path / "roll_back.py"
    file.write_text(TWO_LINES, encoding="utf-8")
    bag = dag_bag(tmp_path)
    assert not bag.import_errors
    assert [(dag.dag_id, dag.fileloc) for dag in bag.dags.values()] == [("roll_back_by_hand", str(file))]


@pytest.mark.matrix
def test_the_form_fills_the_task() -> None:
    """Every field reaches the argument of its name, and the defaults are those of the operator."""
    task = rendered(rollback_dag("x"), **REQUIRED)
    assert (task.deployment_id, task.description, task.target) == ("billing", "Wrong totals", "previous")
    assert task.astro_conn_id == "astro_private_cloud_default"
    context: Any = {"ti": type("TI", (), {"dag_id": "x", "run_id": "r", "task_id": "roll_back"})()}
    request = task.request(context)
    assert (request.scope, request.expected_current_deploy_id) == (None, None)
    assert (request.plan_only, request.acknowledge_airflow_3_to_2) == (False, False)


def test_a_run_needs_a_deployment_and_a_reason() -> None:
    """Airflow refuses a run without them."""
    for name in REQUIRED:
        given = {field: value for field, value in REQUIRED.items() if field != name}
        with pytest.raises(Exception, match="No value passed"):
            rendered(rollback_dag("x"), **given)


@pytest.mark.matrix
def test_the_defaults_of_the_dag() -> None:
    """No schedule, one run at a time, a wait in the triggerer, and retries for a lost answer."""
    dag = rollback_dag("x")
    assert (dag.max_active_runs, list(dag.tags)) == (1, ["rollback"])
    assert not dag.timetable.can_be_scheduled
    assert (task_of(dag).retries, task_of(dag).deferrable, task_of(dag).poll_interval) == (2, True, 10.0)


def test_arguments_of_the_dag_win() -> None:
    """Also single ones of the task's, in ``default_args``; the others keep their defaults."""
    dag = rollback_dag("x", max_active_runs=3, default_args={"owner": "ana", "retries": 5})
    task = task_of(dag)
    assert (dag.max_active_runs, task.owner, task.retries, task.deferrable) == (3, "ana", 5, True)


def test_arguments_of_the_operator_win() -> None:
    """They reach the task beside the fields of the form."""
    task = task_of(rollback_dag("x", operator_arguments={"retries": 0, "timeout": 60}))
    assert (task.retries, task.timeout, task.target) == (0, 60.0, "{{ params.target }}")


def test_params_change_the_form() -> None:
    """A value is a new default, a Param replaces a field or adds one."""
    ticket = Param("", type="string", title="Ticket")
    deployments = Param("billing", type="string", enum=["billing", "orders"])
    dag = rollback_dag(
        "x", params={"astro_conn_id": "astro_default", "deployment_id": deployments, "ticket": ticket}
    )
    task = rendered(dag, description="Wrong totals", ticket="A-1")
    assert (task.astro_conn_id, task.deployment_id) == ("astro_default", "billing")
    assert dag.params.get_param("astro_conn_id").schema["title"] == "Connection"
    with pytest.raises(Exception, match="is not one of"):
        rendered(dag, description="Wrong totals", deployment_id="shipping")


def test_a_default_that_its_field_does_not_allow() -> None:
    """It fails when the file is parsed, with the name of the field."""
    with pytest.raises(Exception, match="astro_conn_id"):
        rollback_dag("x", params={"astro_conn_id": ""})


def test_a_fixed_connection_leaves_the_form() -> None:
    """The page sends its connection always: the run ignores it."""
    dag = rollback_dag("x", operator_arguments={"astro_conn_id": "apc"})
    assert "astro_conn_id" not in dag.params
    assert rendered(dag, **REQUIRED, astro_conn_id="other").astro_conn_id == "apc"


@pytest.mark.parametrize("name", ["deployment_id", "target", "plan_only", "expected_current_deploy_id"])
def test_what_a_run_decides_cannot_be_fixed(name: str) -> None:
    """The page would show one rollback, and the run would do another."""
    with pytest.raises(BadInput, match=f"'x' has '{name}' in operator_arguments"):
        rollback_dag("x", operator_arguments={name: "x"})


@pytest.mark.matrix
def test_an_argument_in_the_wrong_place() -> None:
    """An argument of the operator is no argument of a Dag; the message names the place."""
    with pytest.raises(BadInput, match=r"Dag 'x'.*'deferrable'.*belong in operator_arguments"):
        rollback_dag("x", deferrable=False)
    with pytest.raises(Exception, match="tagz"):
        rollback_dag("x", operator_arguments={"tagz": ["a"]})


def test_a_schedule_is_refused() -> None:
    """Nobody fills the form of a scheduled run."""
    with pytest.raises(Exception, match="not allowed to define a Schedule"):
        rollback_dag("x", schedule="@daily")


def test_more_tasks() -> None:
    """A ``with`` statement adds them to the Dag that is returned."""
    with rollback_dag("x", operator_arguments={"approval_task_id": "approve"}) as dag:
        approve: Any = BaseOperator(task_id="approve")
        approve >> dag.get_task("roll_back")
    assert task_of(dag).upstream_task_ids == {"approve"}


def test_it_rolls_back(connect: Any, rollback_sandbox: SandboxProcess) -> None:
    """The rendered task rolls a Deployment of the embedded platform back."""
    billing = rollback_sandbox.deployment("image-af3", rows=1)["id"]
    dag = rollback_dag("x", operator_arguments={"deferrable": False})
    task = rendered(dag, deployment_id=billing, description="Wrong totals")
    assert isinstance(task, RollbackOperator)
    assert run(task)["status"] == "done"
