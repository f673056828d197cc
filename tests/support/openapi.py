# SPDX-License-Identifier: Apache-2.0
"""Check requests and answers of hosted Astro's Platform API against the platform's own OpenAPI document.

The document is not part of this repository. It is read from beside the checkout, or from the path in the
environment variable ``ROLLBACK_OPENAPI``. Tests that need it are marked with ``needs_document``.

The check is stricter than the document: properties and query parameters that it does not name are errors too,
because they would be guesses of ours. ``BEYOND`` lists the one exception.
"""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml
from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from openapi_core.templating.responses.exceptions import ResponseNotFound
from openapi_core.testing import MockRequest, MockResponse
from openapi_core.validation.request.exceptions import InvalidParameter
from werkzeug.datastructures import Headers, ImmutableMultiDict

_ROOT = Path(__file__).resolve().parents[2]
_BESIDE = _ROOT.parent / "shared" / "contracts" / "astro-platform-deploys.openapi.yaml"
PATH = Path(os.environ.get("ROLLBACK_OPENAPI") or _BESIDE)

needs_document = pytest.mark.skipif(
    not PATH.is_file(),
    reason="the platform's OpenAPI document is no part of this repository: put it at "
    "../shared/contracts/astro-platform-deploys.openapi.yaml or name it in ROLLBACK_OPENAPI",
)

# Deploy types that answers may have though the document's list of them does not: one that its own create
# operation takes, and the sandbox's stand-in for types to come.
BEYOND = ("BUNDLE", "CONFIG_SYNC")


class Undocumented(AssertionError):
    """The document has no answer with that HTTP status: a gateway's, or that of an injected fault."""


@lru_cache(maxsize=1)
def document() -> dict[str, Any]:
    """Return the document; do not change it.

    :raises OSError: if the file does not exist.
    """
    with PATH.open(encoding="utf-8") as file:
        read: dict[str, Any] = yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return read


def check_request(method: str, url: str, headers: Mapping[str, str], body: bytes | str | None) -> None:
    """Require that the document describes a request.

    :param url: the URL, or its part from the path on; the path begins with ``/v1``.
    :param body: the request's body, empty or ``None`` for none.
    :raises AssertionError: if it does not; the message lists every deviation.
    """
    request = _request(method, url, headers, body)
    problems = _problems(_checker().iter_request_errors(request)) or _unknown_parameters(request)
    assert not problems, _message(f"the request {method} {url}", problems)


def check_answer(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes | str) -> None:
    """Require that the document describes an answer of that operation.

    :param path: the request's path or URL; the path begins with ``/v1``.
    :param body: the answer's whole body.
    :raises Undocumented: if the document has no answer with that status for the operation.
    :raises AssertionError: if it has a different one; the message lists every deviation.
    """
    request = _request(method, path, {}, None)
    found = Headers(dict(headers))
    answer = MockResponse(_bytes(body), status, dict(found), found.get("content-type", "").split(";")[0])
    what = f"the answer {status} to {method} {path}"
    try:
        problems = _problems(_checker().iter_response_errors(request, answer))
    except ResponseNotFound as unknown:
        raise Undocumented(f"{what}: {unknown}") from None
    assert not problems, _message(what, problems)


def operation(method: str, path: str) -> dict[str, Any] | None:
    """Return the document's description of the operation at a path that begins with ``/v1``, or ``None``."""
    base = urlsplit(document()["servers"][0]["url"]).path
    for template, operations in document()["paths"].items():
        if re.fullmatch(base + re.sub(r"\{\w+\}", "[^/]+", template), urlsplit(path).path):
            found: dict[str, Any] | None = operations.get(method.lower())
            return found
    return None


@lru_cache(maxsize=1)
def _checker() -> OpenAPI:
    ours = copy.deepcopy(document())
    ours["components"]["schemas"]["Deploy"]["properties"]["type"]["enum"] += BEYOND
    return OpenAPI.from_dict(ours, Config(additional_properties_default_policy="forbid"))


def _request(method: str, url: str, headers: Mapping[str, str], body: bytes | str | None) -> MockRequest:
    server, parts, found = urlsplit(document()["servers"][0]["url"]), urlsplit(url), Headers(dict(headers))
    request = MockRequest(f"{server.scheme}://{server.netloc}", method, parts.path, data=_bytes(body or b""))
    query = ImmutableMultiDict(parse_qsl(parts.query, keep_blank_values=True))
    request.parameters = RequestParameters(query=query, header=found)
    request.content_type = found.get("content-type", "").split(";")[0]
    return request


def _bytes(text: bytes | str) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _problems(errors: Iterable[Exception]) -> list[str]:
    """Return the errors as texts.

    :raises ResponseNotFound: if the operation has no answer of that kind.
    """
    try:
        return [line for error in errors for line in _lines(error)]
    except ResponseNotFound:
        raise
    except OpenAPIError as error:  # the first unreadable part ends the checker's list
        return _lines(error)


def _lines(error: Exception) -> list[str]:
    if isinstance(error, ResponseNotFound):
        raise error
    faults = getattr(error.__cause__, "schema_errors", None)
    if faults is None:
        return [str(error)]
    place = f"{error}: " if isinstance(error, InvalidParameter) else ""
    return [f"{place}{'.'.join(map(str, item.absolute_path)) or 'value'}: {item.message}" for item in faults]


def _unknown_parameters(request: MockRequest) -> list[str]:
    """Return the query parameters that the operation does not have in the document."""
    described = (operation(request.method, request.path) or {}).get("parameters", ())
    known = {item["name"] for item in described if item["in"] == "query"}
    return [f"there is no query parameter {name!r}" for name in request.parameters.query if name not in known]


def _message(what: str, problems: list[str]) -> str:
    return "\n  ".join([f"{what} differs from the platform's document:", *problems])
