# SPDX-License-Identifier: Apache-2.0
"""A platform's data: a Deployment, the deploys of its history and the rights of a token."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from airflow_rollback_provider.domain.errors import BadInput
from airflow_rollback_provider.domain.jsonable import JsonDataclass
from airflow_rollback_provider.domain.versions import RuntimeVersion, Versions

PARTS = ("image", "dags")
"""The parts of a deploy's content."""


class Scope(str, Enum):
    """The part of a deploy that a rollback restores."""

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
        """The parts of a deploy's content that this scope restores."""
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
        """Read a platform's value; a value that this version lacks is ``UNKNOWN``."""
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
    """Status of a deploy. A value that this version lacks is ``UNKNOWN``: neither success nor failure."""

    IN_PROGRESS = "in progress"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"

    @property
    def settled(self) -> bool:
        """Whether the deploy has ended and its outcome is known."""
        return self in (DeployStatus.SUCCEEDED, DeployStatus.FAILED)

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class NamedBundle:
    """A Dag bundle beside the main one (hosted Astro). Only an endpoint of its own rolls it back.

    :param name: its name, or the path at which it is mounted.
    :param version: the version that runs after the deploy; None if it is not known.
    :param id: the platform's id; None if the platform does not report it.
    """

    name: str
    version: str | None = None
    id: str | None = None

    def may_equal(self, other: NamedBundle | None) -> bool:
        """Return whether both are the same bundle and no known version differs."""
        if other is None or self.name != other.name:
            return False
        return None in (self.version, other.version) or self.version == other.version

    def __str__(self) -> str:
        return f"{self.name} {self.version or '(version not known)'}"


@dataclass(frozen=True)
class Deploy(JsonDataclass):
    """One entry of a Deployment's deploy history. A value that the platform leaves out is None.

    :param id: the platform's id.
    :param deployment_id: id of the Deployment that it belongs to.
    :param created_at: when it was created, with a zone.
    :param status: its status.
    :param type: the platform's own name of the type, unchanged.
    :param image_repository: registry and repository of the image, without the tag.
    :param image_tag: tag of the image that runs after this deploy.
    :param runtime_version: Astro Runtime version as the platform writes it.
    :param airflow_version: Airflow version as the platform writes it.
    :param dag_bundle: version of the Dag bundle (tarball) that runs after this deploy.
    :param bundles: the named Dag bundles that run after this deploy, apart from the main one.
    :param mechanism: how Dags reached the Deployment at that time.
    :param git_commit: commit that the deploy was built from.
    :param description: the reason that a user or a Dag gave.
    :param created_by: its author.
    :param rolled_back_to: id of the target, for a rollback.
    :param scope: the scope, for a rollback.
    :param status_reason: why it failed, in the platform's own text; what to set where its status is unknown.
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
    bundles: tuple[NamedBundle, ...] = ()

    @property
    def versions(self) -> Versions:
        """The versions of Runtime and Airflow that this deploy brings, if they can be read."""
        return Versions.read(self.runtime_version, self.airflow_version)

    @property
    def is_rollback(self) -> bool:
        return self.rolled_back_to is not None

    @property
    def succeeded(self) -> bool:
        """Whether the platform reports that the deploy reached the Deployment."""
        return self.status is DeployStatus.SUCCEEDED

    @property
    def failed(self) -> bool:
        """Whether the platform reports that the deploy failed."""
        return self.status is DeployStatus.FAILED

    @property
    def restored_parts(self) -> frozenset[str]:
        """The parts that a rollback restored: all if its scope is not known, and Dags with their image."""
        if self.scope is None or ("image" in self.scope.parts and not self.dag_bundle):
            return frozenset(PARTS)
        return self.scope.parts

    def part(self, name: str) -> str | None:
        """Identify the ``image`` or ``dags`` that run after this deploy; None if they are not known.

        Without a separate Dag bundle the Dags are in the image.
        """
        image = None
        if self.image_tag:
            image = f"{self.image_repository or ''}:{self.image_tag}"
        return image if name == "image" else (self.dag_bundle or image)

    def bundle(self, name: str) -> NamedBundle | None:
        """Return the named Dag bundle of that name; None if there is none."""
        return next((bundle for bundle in self.bundles if bundle.name == name), None)

    def same_content(self, other: Deploy, scope: Scope) -> bool:
        """Return whether both bring the same content within the scope, and the same named Dag bundles.

        A part that is not known of one of the two counts as the same: only a known difference counts.
        """
        same_bundles = len(self.bundles) == len(other.bundles) and all(
            bundle.may_equal(other.bundle(bundle.name)) for bundle in self.bundles
        )
        return same_bundles and self.same_parts(other, scope)

    def same_parts(self, other: Deploy, scope: Scope) -> bool:
        """Return the same without the named Dag bundles, which a rollback is not known to change."""
        pairs = [(self.part(name), other.part(name)) for name in scope.parts]
        return all(mine is None or theirs is None or mine == theirs for mine, theirs in pairs)


@dataclass(frozen=True)
class Deployment(JsonDataclass):
    """An Airflow installation that the platform manages.

    :param id: the platform's id.
    :param name: its display name.
    :param release_name: name of the Helm release (Astro Private Cloud) or the namespace (hosted Astro).
    :param mechanism: how Dags reach it.
    :param runtime_version: Astro Runtime version that it runs, as the platform writes it.
    :param airflow_version: Airflow version that it runs, as the platform writes it.
    :param image_tag: tag of the image that it runs, if the platform reports it.
    :param namespace: Kubernetes namespace, if the platform reports it.
    :param url: page of the Deployment in the platform's UI, if known.
    :param status: health status, as the platform reports it.
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
        """The versions of Runtime and Airflow that it runs, if they can be read."""
        return Versions.read(self.runtime_version, self.airflow_version)

    def __str__(self) -> str:
        return f"Deployment {self.name!r} ({self.id})"


@dataclass(frozen=True)
class RequestRefusal:
    """A part of the rollback request that the platform does not know.

    :param reason: the platform's own words, as a sentence.
    :param remedy: the setting to write, as a sentence.
    :param scope: the scope that is refused; None if the request is refused with every scope.
    """

    reason: str
    remedy: str
    scope: Scope | None = None


@dataclass(frozen=True)
class Access:
    """The token's permissions and the rollback switches; None means *not known*.

    :param permissions: names of the permissions that the token has on the Deployment.
    :param enabled_on_installation: whether rollbacks are switched on for the installation.
    :param installation_flag: name of the setting that switches them on, for the error message.
    :param enabled_on_deployment: whether the Deployment's own toggle is on.
    :param request_refusals: the parts of the rollback request that the platform does not know.
    :param request_unknown: why it is not known whether the platform knows the request; empty if it is known.
    :param roles: names of the roles of the token's owner that apply to the Deployment. By default they grant
        permissions; an installation may change that.
    :param left_out: what is not known or guessed of a deploy, with the setting, as sentences.
    :param missing: the fields of a deploy that the platform does not know.
    """

    permissions: frozenset[str] | None = None
    enabled_on_installation: bool | None = None
    installation_flag: str = "the installation's rollback flag"
    enabled_on_deployment: bool | None = None
    request_refusals: tuple[RequestRefusal, ...] = ()
    request_unknown: str = ""
    roles: frozenset[str] | None = None
    left_out: str = ""
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Capabilities:
    """Capabilities of a platform, so that a plan reports a limit before a request fails.

    :param name: display name of the platform.
    :param scopes: whether a rollback can be limited to the image or the Dags.
    :param mechanisms: the Dag deploy mechanisms that the platform distinguishes.
    :param logs: whether the platform serves the rollback's log lines.
    :param reasons: whether it reports why a deploy failed.
    :param reports_access: whether its API reports the owner and the permissions of a token.
    :param reports_switches: whether its API reports whether rollbacks are switched on.
    :param reports_image: whether it names the image of a Deployment in the same way as those of its deploys.
    :param permissions: names of the permissions by part (``image``, ``dags``); empty if not published.
    :param history_permission: permission to read the history.
    :param description_limit: maximum length of a description, in characters.
    :param retention_days: maximum age of a target, in days.
    :param latest_always_allowed: whether the latest deploy may be a target at any age.
    :param restricted: Runtime versions that the platform restricts because of major bugs, if known.
    :param bundle_endpoint: the request that rolls one named Dag bundle back; ``{deployment_id}`` and
        ``{bundle_id}`` are filled in. None if the platform has no named bundles.
    """

    name: str
    scopes: bool = True
    mechanisms: frozenset[Mechanism] = frozenset(Mechanism) - {Mechanism.UNKNOWN}
    logs: bool = True
    reasons: bool = True
    reports_access: bool = True
    reports_switches: bool = True
    reports_image: bool = False
    permissions: dict[str, str] = field(default_factory=dict)
    history_permission: str | None = None
    description_limit: int = 500
    retention_days: float = 90.0
    latest_always_allowed: bool = False
    restricted: frozenset[RuntimeVersion] = frozenset()
    bundle_endpoint: str | None = None
