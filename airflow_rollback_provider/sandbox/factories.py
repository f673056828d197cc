# SPDX-License-Identifier: Apache-2.0
"""Make deploys and Deployments from short descriptions: for the seed data and the control API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from airflow_rollback_provider.sandbox.errors import invalid
from airflow_rollback_provider.sandbox.model import (
    DEPLOYED,
    MECHANISMS,
    Author,
    Content,
    Deploy,
    Deployment,
    Git,
    History,
    NamedBundle,
    Workspace,
    make_id,
)
from airflow_rollback_provider.sandbox.settings import check_script
from airflow_rollback_provider.sandbox.versions import read_runtime

WORKSPACES = {
    key: Workspace(make_id("ws" + key, "workspace"), key, label)
    for key, label in (("data-platform", "Data Platform"), ("analytics", "Analytics"))
}

# The Runtimes of the histories, with their Airflow versions.
RUNTIMES = {
    "4.2.8": "2.2.5",
    "5.0.0": "2.3.0",
    "5.4.0": "2.3.4",
    "7.6.0": "2.5.3",
    "11.14.0": "2.9.3",
    "12.1.0": "2.10.2",
    "12.7.1": "2.10.5",
    "13.0.0": "2.11.0",
    "13.2.0": "2.11.0",
    "3.0-1": "3.0.0",
    "3.0-4": "3.0.2",
    "3.1-1": "3.1.0",
    "3.1-2": "3.1.0",
    "3.1-8": "3.1.5",
    "3.1-12": "3.1.8",
    "3.2-3": "3.2.1",
    "3.3-2": "3.3.2",
}

_PEOPLE = (
    ("ana.silva", "Ana Silva", "user"),
    ("bo.lindqvist", "Bo Lindqvist", "user"),
    ("chidi.okafor", "Chidi Okafor", "user"),
    ("github-actions", "GitHub Actions", "service_account"),
)
AUTHORS = {
    name: Author(make_id("author", name), name if kind != "user" else f"{name}@example.com", full, kind)
    for name, full, kind in _PEOPLE
}
_SECONDS_OF_A_DEPLOY = 95
_ENDING = ("outcome", "seconds", "reason", "applies")


@dataclass(frozen=True)
class Draft:
    """A short description of a deploy: omitted fields are taken from the row before it.

    ``age`` is in seconds before the time at which the history is made. ``rollback_to`` is the number of the
    row (from 0) whose content this one brings back. ``named_bundles`` has new versions by mount
    path. ``seconds`` is its duration (``None``: it never ends).
    """

    age: float
    type: str = "IMAGE_AND_DAG"
    runtime: str | None = None
    airflow: str | None = None
    tag: str | None = None
    bundle: str | None = None
    named_bundles: dict[str, str] | None = None
    mechanism: str | None = None
    outcome: str = DEPLOYED
    author: str = "github-actions"
    description: str | None = None
    commit: str | None = None
    rollback_to: int | None = None
    scope: str | None = None
    reason: str | None = None
    seconds: float | None = _SECONDS_OF_A_DEPLOY
    shows_runtime: bool = True
    applies: bool = True
    id: str | None = None


# Makes the deploys of a Deployment, oldest first: its key, what it ran before the first, the time now.
RowMaker = Callable[[str, Content, datetime], list[Deploy]]


def airflow_of(runtime: str) -> str:
    """Return the Airflow version of a Runtime.

    :raises Refused: if the text is not a Runtime version.
    """
    known = RUNTIMES.get(runtime)
    if known:
        return known
    version = read_runtime(runtime)
    if version is None:
        raise invalid(f"{runtime!r} is not a Runtime version like 13.2.0 or 3.1-12")
    if version.airflow_major > 2:
        return f"{version.numbers[0]}.{version.numbers[1]}.0"
    return {12: "2.10.5", 13: "2.11.0"}.get(version.numbers[0], "2.9.0")


def base_content(runtime: str, mechanism: str, repository: str) -> Content:
    """Return the content of a Deployment before its first deploy: the plain Runtime."""
    check_mechanism(mechanism)
    return Content(f"{runtime}-base", repository, runtime, airflow_of(runtime), None, mechanism)


def check_mechanism(mechanism: str) -> None:
    """Check the name of a Dag deploy mechanism.

    :raises Refused: if there is no such mechanism.
    """
    if mechanism not in MECHANISMS:
        raise invalid(f"Unknown mechanism {mechanism!r}; known: {', '.join(MECHANISMS)}")


def next_content(before: Content, draft: Draft, number: int) -> Content:
    """Return the content of a deploy: new parts from the draft, by its type, the rest unchanged."""
    runtime = draft.runtime or before.runtime
    mechanism = draft.mechanism or before.mechanism
    bundle, tag = before.dag_bundle, before.image_tag
    types = ("DAG_ONLY", "IMAGE_AND_DAG") if draft.named_bundles else ("DAG_ONLY", "BUNDLE", "IMAGE_AND_DAG")
    if draft.type in types and mechanism == "dag_deploy":
        bundle = draft.bundle or f"bundle-{number:05d}"
    if draft.type in ("IMAGE_ONLY", "IMAGE_AND_DAG"):
        tag = draft.tag or f"deploy-{number:05d}"
    return replace(
        before,
        image_tag=draft.tag or tag,
        runtime=runtime,
        airflow=draft.airflow or airflow_of(runtime),
        dag_bundle=bundle if mechanism == "dag_deploy" else None,
        mechanism=mechanism,
    )


def make_rows(key: str, base: Content, drafts: Sequence[Draft], now: datetime) -> list[Deploy]:
    """Return the deploys of a history, oldest first; the content of a failed one is dropped."""
    rows: list[Deploy] = []
    running = base
    for number, draft in enumerate(drafts):
        row = make_row(key, number, running, draft, now, rows)
        rows.append(row)
        if row.outcome == DEPLOYED and row.applies and row.finishes_at is not None:
            running = row.content
    return sorted(rows, key=lambda item: item.created_at)


def make_row(
    key: str, number: int, running: Content, draft: Draft, now: datetime, rows: Sequence[Deploy]
) -> Deploy:
    """Return one deploy of the Deployment ``key`` made while ``running`` was the running content."""
    target = None if draft.rollback_to is None else rows[draft.rollback_to]
    deploy_id = draft.id or make_id(key, "deploy", number)
    content = next_content(running, draft, number) if target is None else target.content
    # A rollback of the Deployment leaves its named bundles as they are.
    content = replace(content, named_bundles=_named(running, draft, deploy_id))
    created = now - timedelta(seconds=draft.age)
    return Deploy(
        id=deploy_id,
        deployment_id=make_id(key, "deployment"),
        type=draft.type,
        content=content,
        created_at=created,
        finishes_at=None if draft.seconds is None else created + timedelta(seconds=draft.seconds),
        created_by=AUTHORS.get(draft.author)
        or Author(make_id("author", draft.author), draft.author, draft.author),
        outcome=draft.outcome,
        description=draft.description,
        git=Git(draft.commit, f"https://git.example.com/dags/{key}") if draft.commit else None,
        rollback_from_id=None if target is None else target.id,
        scope=draft.scope or (None if target is None else "IMAGE_AND_DAGS"),
        failure=draft.reason,
        runtime_before=running.runtime,
        shows_runtime=draft.shows_runtime,
        applies=draft.applies,
    )


def _named(running: Content, draft: Draft, deploy_id: str) -> tuple[NamedBundle, ...]:
    new = {
        path: NamedBundle(path, version, deploy_id) for path, version in (draft.named_bundles or {}).items()
    }
    kept = {bundle.mount_path: bundle for bundle in running.named_bundles}
    return tuple({**kept, **new}.values())


def many_rows(count: int) -> RowMaker:
    """Return a maker of ``count`` plain deploys over 80 days, without the cost of drafts for each."""

    @cache
    def contents(key: str, base: Content) -> list[tuple[str, Content]]:
        rest = (base.image_repository, base.runtime, base.airflow, base.dag_bundle, base.mechanism)
        return [
            (make_id(key, "deploy", number), Content(f"build-{number:05d}", *rest)) for number in range(count)
        ]

    def make(key: str, base: Content, now: datetime) -> list[Deploy]:
        deployment_id, author = make_id(key, "deployment"), AUTHORS["github-actions"]
        step, first = timedelta(days=80) / count, now - timedelta(days=80)
        return [
            Deploy(
                id=deploy_id,
                deployment_id=deployment_id,
                type="IMAGE_AND_DAG",
                content=content,
                created_at=(created := first + step * number),
                finishes_at=created + step / 2,
                created_by=author,
                runtime_before=base.runtime,
            )
            for number, (deploy_id, content) in enumerate(contents(key, base))
        ]

    return make


def from_drafts(drafts: Callable[[], Sequence[Draft]]) -> RowMaker:
    """Return a maker of the deploys that the drafts describe."""
    return lambda key, base, now: make_rows(key, base, drafts(), now)


def make_deployment(
    key: str,
    rows: RowMaker,
    now: datetime,
    *,
    label: str,
    release: str,
    runtime: str,
    mechanism: str,
    workspace: str = "data-platform",
    rollback_enabled: bool = True,
) -> Deployment:
    """Return a Deployment whose history is made on its first use.

    :param runtime: the Runtime that it had before its first deploy.
    :raises Refused: if a Runtime, mechanism or workspace is unknown.
    """
    if workspace not in WORKSPACES:
        raise invalid(f"Unknown workspace {workspace!r}; known: {', '.join(WORKSPACES)}")
    base = base_content(runtime, mechanism, f"registry.sandbox.localhost/{release}/airflow")
    return Deployment(
        id=make_id(key, "deployment"),
        key=key,
        label=label,
        release_name=release,
        workspace=WORKSPACES[workspace],
        base=base,
        history=History(lambda: rows(key, base, now)),
        created_at=now - timedelta(days=400),
        rollback_enabled=rollback_enabled,
    )


def draft_from(values: dict[str, Any]) -> Draft:
    """Parse a draft from JSON.

    :raises Refused: if a field, or its outcome, Runtime or mechanism, is unknown.
    """
    known = Draft.__dataclass_fields__
    for name in values:
        if name not in known:
            raise invalid(f"Unknown field {name!r} of a deploy; known: {', '.join(known)}")
    if runtime := values.get("runtime"):
        airflow_of(str(runtime))
    check_mechanism(values.get("mechanism") or MECHANISMS[0])
    check_script({name: values[name] for name in _ENDING if name in values})
    return Draft(**{"age": 0.0, **values})
