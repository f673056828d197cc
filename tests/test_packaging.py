# SPDX-License-Identifier: Apache-2.0
"""The installed package matches its declarations."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from importlib import metadata, resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "airflow_rollback_provider"
NAME = "airflow-rollback-provider"
# Used without a declaration, because Airflow requires it.
BORROWED = ("asgiref", "cryptography", "httpx", "packaging", "psutil", "sqlalchemy", "tenacity")


def requirements(distribution: str) -> dict[str, Requirement]:
    """The requirements of a distribution without its extras."""
    found = (Requirement(text) for text in metadata.requires(distribution) or ())
    return {requirement.name: requirement for requirement in found if "extra" not in str(requirement.marker)}


@pytest.fixture(scope="module")
def installed() -> metadata.Distribution:
    """The installed package's metadata."""
    try:
        return metadata.distribution(NAME)
    except metadata.PackageNotFoundError:
        pytest.skip("the package is on the path without being installed: `make test` installs it")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel that the build backend builds from this checkout."""
    flit = pytest.importorskip("flit_core.buildapi", reason="the locks have it: `make test`")
    folder = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return zipfile.ZipFile(folder / flit.build_wheel(str(folder)))


def test_the_version_has_one_source(installed: metadata.Distribution) -> None:
    """The metadata has the version of the package."""
    from airflow_rollback_provider import __version__

    assert installed.version == __version__


@pytest.mark.parametrize("group", ["airflow.plugins", "apache_airflow_provider", "console_scripts"])
def test_entry_points_resolve(installed: metadata.Distribution, group: str) -> None:
    """Each entry point can be loaded and called."""
    announced = installed.entry_points.select(group=group)
    assert announced
    assert all(callable(entry_point.load()) for entry_point in announced)


@pytest.mark.matrix
def test_airflow_discovers_the_provider(installed: metadata.Distribution) -> None:
    """Airflow's own list of providers has this one with its version."""
    from airflow.providers_manager import ProvidersManager

    manager: Any = ProvidersManager
    assert manager().providers[NAME].version == installed.version


@pytest.mark.matrix
def test_provider_info_fits_airflows_schema() -> None:
    """The provider info is valid for this Airflow's schema."""
    import jsonschema

    from airflow_rollback_provider.get_provider_info import get_provider_info

    schema = resources.files("airflow").joinpath("provider_info.schema.json").read_text(encoding="utf-8")
    jsonschema.validate(get_provider_info(), json.loads(schema))


@pytest.mark.parametrize("pattern", ["*.graphql", "*.html", "*.js", "py.typed", "*.py"])
def test_the_wheel_contains_every_file(wheel: zipfile.ZipFile, pattern: str) -> None:
    """Files that are not modules are included as well."""
    here = {str(file.relative_to(ROOT)) for file in PACKAGE.rglob(pattern)}
    assert here
    assert here <= set(wheel.namelist())


def test_the_wheel_contains_the_licence(wheel: zipfile.ZipFile) -> None:
    """The wheel includes the licence."""
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())


@pytest.mark.matrix
def test_borrowed_packages_come_with_airflow() -> None:
    """Undeclared imports are requirements of this Airflow without any extra."""
    airflow = requirements("apache-airflow")
    if "apache-airflow-core" in airflow:
        airflow |= requirements("apache-airflow-core")
    assert set(BORROWED) <= set(airflow)


def test_dependencies_are_the_declared_ones(installed: metadata.Distribution) -> None:
    """There is no accidental dependency."""
    expected = {"apache-airflow", "apache-airflow-providers-cncf-kubernetes", "graphql-core", "requests"}
    assert set(requirements(NAME)) == expected
    assert installed.metadata["Requires-Python"].replace(" ", "") in {">=3.10,<3.14", "<3.14,>=3.10"}


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("2.9.3", False),
        ("2.10.0", True),
        ("2.11.2", True),
        ("3.0.0", False),
        ("3.0.6", False),
        ("3.1.0", True),
        ("3.3.2", True),
        ("3.4.0", False),
        ("3.4.0b1", False),
    ],
)
def test_the_range_of_airflow(installed: metadata.Distribution, version: str, fits: bool) -> None:
    """It excludes Airflow 3.0 and pre-releases of the first untested line."""
    specifiers: SpecifierSet = requirements(NAME)["apache-airflow"].specifier
    assert specifiers.contains(Version(version), prereleases=True) is fits


def test_importing_the_package_is_light() -> None:
    """The package itself imports neither Airflow nor an HTTP client nor GraphQL."""
    heavy = ("airflow", "requests", "httpx", "graphql", "starlette")
    code = f"import airflow_rollback_provider, sys; print([name for name in {heavy} if name in sys.modules])"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert output.stdout.strip() == "[]"


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_documents_name_targets_that_exist(document: str) -> None:
    """Every `make …` in a document exists."""
    file = ROOT / document
    told = set(re.findall(r"(?m)(?:^|`|\$ )make ([a-z][a-z-]*)", file.read_text(encoding="utf-8")))
    targets = set(re.findall(r"(?m)^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    assert told
    assert told <= targets


def test_the_sandbox_is_an_extra(installed: metadata.Distribution) -> None:
    """The extra has the requirements that only the embedded platform needs."""
    texts = [text for text in metadata.requires(NAME) or () if "sandbox" in text]
    names = {Requirement(text).name for text in texts}
    assert names == {"starlette", "uvicorn"}
    assert all(find_spec(name) for name in names)
