# SPDX-License-Identifier: Apache-2.0
"""The Deployments of the page, from Airflow's configuration."""

from __future__ import annotations

import json
import shlex
from configparser import ConfigParser
from typing import Any

import pytest

from airflow_rollback_provider.rollback import self_target
from airflow_rollback_provider.ui.config import (
    ALL,
    DEFAULT_DAG,
    OPTION,
    SECTION,
    DeploymentOption,
    InvalidOptions,
    parse_options,
    read_options,
    snippets,
)


def test_the_shortest_form() -> None:
    """A list of Deployments is enough: the labels are their names, and the example Dag rolls them back."""
    assert parse_options('{"apc": ["a", "b"]}') == (
        DeploymentOption("apc", "a", "a", DEFAULT_DAG),
        DeploymentOption("apc", "b", "b", DEFAULT_DAG),
    )


def test_all_fields() -> None:
    """Deployments can have labels, and connections a Dag of their own."""
    setting = {
        "one": {"deployments": {"a": "Billing"}, "rollback_dag": "mine"},
        "two": {"deployments": ["b"]},
    }
    assert parse_options(json.dumps(setting)) == (
        DeploymentOption("one", "a", "Billing", "mine"),
        DeploymentOption("two", "b", "b", DEFAULT_DAG),
    )


@pytest.mark.parametrize("value", [ALL, {"deployments": ALL}])
def test_all_deployments_of_a_connection(value: Any) -> None:
    """One option stands for all of them."""
    assert parse_options(json.dumps({"apc": value})) == (DeploymentOption("apc", ALL, ALL, DEFAULT_DAG),)


@pytest.mark.parametrize("text", ["", "  \n", "{}"])
def test_nothing_is_offered_by_default(text: str) -> None:
    """Without a setting the page reaches no connection."""
    assert parse_options(text) == ()


@pytest.mark.parametrize(
    ("setting", "error"),
    [
        ('{"apc": [', "is not JSON"),
        ('["apc"]', "must be a JSON object"),
        ({"apc": "billing"}, "a JSON object or a list"),
        ({"apc": ["a", "*"]}, r'"\*" alone'),
        ({"apc": [1]}, "must be a text"),
        ({"apc": [" "]}, "must be a text"),
        ({"apc": {"deployments": {"a": None}}}, "must be a text"),
        ({"apc": {"rollback_dag": "d"}}, "a JSON object or a list"),
        ({"apc": {"deployments": [], "dag": "d"}}, "unknown field 'dag'"),
        ({"apc": {"deployments": ["a"], "rollback_dag": 1}}, "must be a text"),
        ({"": ["a"]}, "must be a text"),
    ],
)
def test_an_invalid_setting_is_refused(setting: Any, error: str) -> None:
    """The message names the setting, the error in it and a correct form."""
    text = setting if isinstance(setting, str) else json.dumps(setting)
    with pytest.raises(InvalidOptions, match=error) as caught:
        parse_options(text)
    assert f"[{SECTION}] {OPTION}" in str(caught.value)
    assert "stellar-orbit-4821" in str(caught.value)


@pytest.mark.parametrize(
    ("conn_ids", "named"),
    [([], ["astro_private_cloud_default"]), (["apc", "it's mine"], ["apc", "it's mine"])],
    ids=["default", "two"],
)
def test_the_settings_to_copy(conn_ids: list[str], named: list[str]) -> None:
    """Each of them, written where its title says, is a setting that can be read."""
    file, environment = (snippet["text"] for snippet in snippets(conn_ids))
    config = ConfigParser()
    config.read_string(file)
    command, assignment = shlex.split(environment)
    name, _, value = assignment.partition("=")
    assert (command, name) == ("export", f"AIRFLOW__{SECTION}__{OPTION}".upper())
    assert config[SECTION][OPTION] == value
    assert [option.connection for option in parse_options(value)] == named


def test_it_is_read_from_airflows_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """Like every setting it can come from the environment, and it is read each time."""
    name = f"AIRFLOW__{SECTION}__{OPTION}".upper()
    assert read_options() == ()
    monkeypatch.setenv(name, '{"apc": ["a"]}')
    assert [option.deployment for option in read_options()] == ["a"]


def test_the_package_has_one_section() -> None:
    """The operator reads its setting from the same section."""
    assert self_target.SECTION == SECTION
