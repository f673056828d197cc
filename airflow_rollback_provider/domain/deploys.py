# SPDX-License-Identifier: Apache-2.0
"""What a platform knows: a Deployment, the deploys of its history and what a token may do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.domain.jsonable import JsonDataclass
from airflow_rollback_provider.domain.versions import RuntimeVersion, Versions


class Scope(str, Enum):
    """The part of a deploy that a rollback brings back."""

    IMAGE = "image"
    DAGS = "dags"
    IMAGE_AND_DAGS = "image_and_dags"

    @classmethod
    def parse(cls, text: str) -> Scope:
        """Read a scope by its name.

        :raises BadInput: when there is no such scope.
        """
        try:
            return cls(text)
        except ValueError:
            names = ", ".join(scope.value for scope in cls)
            raise BadInput(f"{text!r} is not a scope. Use one of: {names}.") from None

    @property
    def parts(self) -> frozenset[str]:
        """The parts of a deploy's content that this scope touches."""
        return {
            Scope.IMAGE: frozenset({"image"}),
            Scope.DAGS: frozenset({"dags"}),
            Scope.IMAGE_AND_DAGS: frozenset({"image", "dags"}),
        }[self]

    def __str__(self) -> str:
        return {"image": "image", "dags": "Dags", "image_and_dags": "image and Dags"}[self.value]


class Mechanism(str, Enum):
    """How Dags reach a Deployment (``dagDeployment.type`` of Astro Private Cloud)."""

    IMAGE = "image"
    VOLUME = "volume"
    GIT_SYNC = "git_sync"
    DAG_DEPLOY = "dag_deploy"
    UNKNOWN = "unknown"

    @classmethod
    def read(cls, text: str | None) -> Mechanism:
        """Read a platform's word, taking one that is new to us as unknown."""
        try:
            return cls(text or "unknown")
        except ValueError:
            return cls.UNKNOWN

    def __str__(self) -> str:
        return {
            "image": "image-based",
            "volume": "volume (NFS)",
            "git_sync": "git-sync",
            "dag_deploy": "Dag-only deploys",
            "unknown": "unknown",
        }[self.value]


class DeployStatus(str, Enum):
    """How far a deploy has come. A word that is new to us is ``UNKNOWN``: neither success nor failure."""

    IN_PROGRESS = "in progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def settled(self) -> bool:
        """Whether it is known how the deploy ended."""
        return self in (DeployStatus.SUCCEEDED, DeployStatus.FAILED)

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Deploy(JsonDataclass):
    """One entry of a Deployment's deploy history. What the platform leaves out is None.

    :param id: the platform's id.
    :param deployment_id: id of the Deployment that it belongs to.
    :param created_at: when it was made, with a zone.
    :param status: how far it has come.
    :param type: the platform's own word, taken as it comes.
    :param image_repository: registry and repository of the image, without the tag.
    :param image_tag: tag of the image that runs after this deploy.
    :param runtime_version: Astro Runtime version as the platform writes it.
    :param airflow_version: Airflow version as the platform writes it.
    :param dag_bundle: version of the Dag bundle (tarball) that runs after this deploy.
    :param mechanism: how Dags reached the Deployment at that time.
    :param git_commit: commit that the deploy was made from.
    :param description: the reason that a person or a Dag gave.
    :param created_by: who made it.
    :param rolled_back_to: id of the deploy that this one, a rollback, went back to.
    :param scope: scope of a rollback.
    :param status_reason: why it failed, in the platform's words.
    """

    id: str
    deployment_id: str
    created_at: datetime
    status: DeployStatus
    type: str = ""
    image_repository: str | None = None
    image_tag: str | None = None
    runtime_version: str | None = None
    airflow_version: str | None = None
    dag_bundle: str | None = None
    mechanism: Mechanism = Mechanism.UNKNOWN
    git_commit: str | None = None
    description: str = ""
    created_by: str | None = None
    updated_at: datetime | None = None
    rolled_back_to: str | None = None
    scope: Scope | None = None
    status_reason: str | None = None

    @property
    def versions(self) -> Versions:
        """The versions of Runtime and Airflow that this deploy brings, as far as they can be read."""
        return Versions.read(self.runtime_version, self.airflow_version)

    @property
    def is_rollback(self) -> bool:
        """Whether this deploy went back to an earlier one."""
        return self.rolled_back_to is not None

    @property
    def succeeded(self) -> bool:
        """Whether the platform says that the deploy reached the Deployment."""
        return self.status is DeployStatus.SUCCEEDED

    def part(self, name: str) -> str | None:
        """Identify the ``image`` or ``dags`` that run after this deploy; None where that is not known.

        Without a separate Dag bundle the Dags are in the image.
        """
        image = None
        if self.image_tag:
            image = f"{self.image_repository or ''}:{self.image_tag}"
        return image if name == "image" else (self.dag_bundle or image)

    def same_content(self, other: Deploy, scope: Scope) -> bool:
        """Tell whether both bring the same content within the scope.

        A part that either of the two does not tell counts as the same: a difference must be seen to be
        believed.
        """
        pairs = [(self.part(name), other.part(name)) for name in scope.parts]
        return all(mine is None or theirs is None or mine == theirs for mine, theirs in pairs)


@dataclass(frozen=True)
class Deployment(JsonDataclass):
    """An Airflow installation that the platform manages.

    :param id: the platform's id.
    :param name: what people call it.
    :param release_name: name of the Helm release (Astro Private Cloud) or the namespace (hosted Astro).
    :param mechanism: how Dags reach it.
    :param runtime_version: Astro Runtime version that it runs, as the platform writes it.
    :param airflow_version: Airflow version that it runs, as the platform writes it.
    :param image_tag: tag of the image that it runs, where the platform tells.
    :param namespace: Kubernetes namespace, where the platform tells.
    :param url: page of the Deployment in the platform's UI, where it can be known.
    :param status: health in the platform's own word.
    """

    id: str
    name: str
    release_name: str = ""
    mechanism: Mechanism = Mechanism.UNKNOWN
    runtime_version: str | None = None
    airflow_version: str | None = None
    image_tag: str | None = None
    namespace: str | None = None
    workspace_id: str | None = None
    cluster_id: str | None = None
    url: str | None = None
    status: str | None = None

    @property
    def versions(self) -> Versions:
        """The versions of Runtime and Airflow that it runs, as far as they can be read."""
        return Versions.read(self.runtime_version, self.airflow_version)

    def __str__(self) -> str:
        return f"Deployment {self.name!r} ({self.id})"


@dataclass(frozen=True)
class Access:
    """What the token may do and what is switched on, as far as the platform tells; None is *not known*.

    :param permissions: names of the permissions that the token has on the Deployment.
    :param enabled_on_installation: whether the installation has rollbacks switched on.
    :param installation_flag: name of the setting that switches them on, for the error message.
    :param enabled_on_deployment: whether the Deployment's own toggle is on.
    """

    permissions: frozenset[str] | None = None
    enabled_on_installation: bool | None = None
    installation_flag: str = "the installation's rollback flag"
    enabled_on_deployment: bool | None = None


@dataclass(frozen=True)
class Capabilities:
    """What a platform can do at all, so that plans say it instead of a failed request.

    :param name: the platform's name as its users know it.
    :param scopes: whether a rollback can be limited to the image or the Dags.
    :param mechanisms: ways in which Dags reach a Deployment, as far as the platform tells them apart.
    :param logs: whether the platform serves the rollback's log lines.
    :param reasons: whether it tells why a deploy failed.
    :param tells_access: whether it can be asked whose a token is and what that one may do.
    :param tells_switches: whether it can be asked if rollbacks are switched on.
    :param tells_image: whether it is known to name the image that a Deployment runs as its deploys do.
    :param permissions: names of the permissions by part (``image``, ``dags``); empty where not published.
    :param history_permission: permission that reading the history takes.
    :param description_limit: longest description that is kept, in characters.
    :param retention_days: age in days up to which a deploy may be rolled back to.
    :param latest_always_allowed: whether the latest deploy may be rolled back to at any age.
    :param restricted: Runtime versions that the platform restricts for major bugs, where that is known.
    """

    name: str
    scopes: bool = True
    mechanisms: frozenset[Mechanism] = frozenset(Mechanism) - {Mechanism.UNKNOWN}
    logs: bool = True
    reasons: bool = True
    tells_access: bool = True
    tells_switches: bool = True
    tells_image: bool = False
    permissions: dict[str, str] = field(default_factory=dict)
    history_permission: str | None = None
    description_limit: int = 500
    retention_days: float = 90.0
    latest_always_allowed: bool = False
    restricted: frozenset[RuntimeVersion] = frozenset()
