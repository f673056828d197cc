# SPDX-License-Identifier: Apache-2.0
"""Which deploy is meant: `previous` above all, and the selectors."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from airflow_rollback_provider.domain.deploys import Deploy, Scope
from airflow_rollback_provider.domain.errors import AmbiguousTarget, BadInput, DeployNotFound, InvalidTarget
from airflow_rollback_provider.domain.history import History
from airflow_rollback_provider.domain.selector import DeploySelector, choose
from tests.support.builders import BAD, GOING, NOW, ODD, OK, Counted, deploy, history, rollback

BOTH = Scope.IMAGE_AND_DAGS


def chosen(text: str, *oldest_first: Deploy, scope: Scope = BOTH) -> str:
    """The id of the deploy that is meant."""
    return choose(DeploySelector.parse(text), history(*oldest_first), scope).id


D1, D2, D3 = deploy("d1", 4), deploy("d2", 3), deploy("d3", 2)
BACK = rollback("r", D2)
PREVIOUS: dict[str, tuple[str, list[Deploy], Scope]] = {
    # A new deploy of the restored content, or of Dags on top of it, does not make D3 eligible.
    "a redeploy on top of a rollback": ("d1", [D1, D2, D3, BACK, deploy("d4", image="d2", dags="d2")], BOTH),
    "Dags on top of a rollback": (
        "d1",
        [D1, D2, deploy("d2b", 2.5), D3, BACK, deploy("d4", image="d2")],
        Scope.IMAGE,
    ),
    "unfinished on top": ("d1", [D1, D2, *(deploy(f"x{s}", status=s) for s in (BAD, GOING, ODD))], BOTH),
    "unfinished between": ("d1", [D1, *(deploy(f"x{s}", status=s) for s in (BAD, GOING, ODD)), D2], BOTH),
    # A tag that was deployed twice is one content; an unknown part is no difference.
    "the same content": (
        "d1",
        [D1, D2, deploy("silent", image=None, dags=None), deploy("same", image="d2", dags="d2")],
        BOTH,
    ),
}


@pytest.mark.parametrize(("expected", "rows", "scope"), PREVIOUS.values(), ids=list(PREVIOUS))
def test_previous_is_older_than_what_runs(expected: str, rows: list[Deploy], scope: Scope) -> None:
    """It is the latest deploy with other content that was not left for an older one."""
    assert chosen("previous", *rows, scope=scope) == expected


def test_previous_in_image_based_deployments() -> None:
    """Dags that are in the image differ where the image does."""
    rows = [deploy(f"d{number}", dags=None) for number in (1, 2, 3)]
    back = rollback("r", rows[1], scope=Scope.IMAGE)
    for scope in Scope:
        assert chosen("previous", *rows, scope=scope) == "d2"
        assert chosen("previous", *rows, back, scope=scope) == "d1"


def test_previous_after_the_target_was_deleted() -> None:
    """The running content came from a deleted deploy: its age is not known and not guessed."""
    with pytest.raises(DeployNotFound, match=r"no longer contains.*Give the id"):
        chosen("previous", D2, D3, rollback("r", D1))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "history is empty"),
        ([deploy("d1", status=BAD)], "No deploy in the history succeeded"),
        ([deploy("d1", status=GOING), deploy("d2", status=BAD)], "No deploy in the history succeeded"),
        ([deploy("d1", status=ODD, status_reason="Set it.")], "status of deploy d1 is not known. Set it."),
        ([D1], "No deploy matches 'previous'"),
        ([deploy("d0", status=BAD), D1], "No deploy matches 'previous'"),
    ],
)
@pytest.mark.parametrize("text", ["previous", "tag:tag-d9"])
def test_a_history_without_a_choice_is_an_error(rows: list[Deploy], said: str, text: str) -> None:
    """One row, none, or only failed ones: the message names the case."""
    with pytest.raises(DeployNotFound, match=said.replace("previous", text)):
        chosen(text, *rows)


def test_previous_reads_no_further_than_it_needs() -> None:
    """Of 10,000 deploys: two, after a rollback as many as it went back and one, after Dag-only deploys
    two."""
    rows = [deploy(f"d{number}", number) for number in range(10_000)]
    for latest, expected, taken in (
        ([], "d1", 2),
        ([rollback("r", rows[7])], "d8", 10),
        ([deploy("b1", image="d0"), deploy("b0", image="d0")], "b0", 2),
    ):
        source = Counted([*latest, *rows])
        assert choose(DeploySelector("previous"), History(source), BOTH).id == expected
        assert source.taken == taken


def test_an_id_and_a_full_commit_stop_where_they_are_found() -> None:
    """An abbreviated commit reads the whole history, because it may match another commit."""
    rows = [deploy(f"d{number}", 1, git_commit=f"{number:040x}") for number in range(1, 10_001)]
    for text, taken in (("d5", 5), (f"commit:{5:040x}", 5), (f"commit:{5:040x}"[:-1], 10_000)):
        source = Counted(rows)
        try:
            choose(DeploySelector.parse(text), History(source), BOTH)
        except AmbiguousTarget:
            assert taken == 10_000
        assert source.taken == taken


def test_an_exact_id_is_taken_as_it_is() -> None:
    """The plan's checks decide: failed, running and rolled-back deploys can all be named."""
    failed = deploy("d4", status=BAD)
    for name in ("d1", "d3", "d4", "r"):
        assert chosen(name, D1, D2, D3, failed, rollback("r", D2)) == name
    assert chosen("id:a:b", D1, deploy("a:b")) == "a:b"
    with pytest.raises(DeployNotFound, match="no deploy 'd9'"):
        chosen("d9", D1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x" * 513,
        "id:",
        "commit:abc123",
        "commit:xyz1234",
        "commit:" + "a" * 65,
        "runtime:4",
        "runtime:012",
        "runtime:12.1",
        "runtime:2.10.5",
        "runtime:latest",
        "airflow:0",
        "airflow:2.011",
        "airflow:2.10.5",
        "before:yesterday",
        "before:2026-11-01T12:00:00",
        "before:0001-01-01T00:00:00+14:00",
        "comit:abc1234",
        "previous:d1",
        ":d1",
        None,
    ],
)
def test_nonsense_is_refused_with_help(text: Any) -> None:
    """Also a selector with a slip in its name, which is not taken for an id."""
    with pytest.raises(InvalidTarget) as caught:
        DeploySelector.parse(text)
    assert len(str(caught.value)) < 1200


def test_a_kind_that_does_not_exist_is_refused() -> None:
    """Also when a target is built without reading it from text."""
    with pytest.raises(InvalidTarget, match="not a kind of target"):
        DeploySelector("latest", "x")
    with pytest.raises(InvalidTarget, match="takes no value"):
        DeploySelector("previous", "d1")


def test_a_time_without_a_zone_is_refused_with_one_that_can_be_used() -> None:
    """The example in the error is itself accepted."""
    with pytest.raises(InvalidTarget) as caught:
        DeploySelector.parse("before:2026-11-01")
    example = str(caught.value).split("for example ")[1].split(" for UTC")[0]
    assert DeploySelector.parse(f"before:{example}").value == "2026-11-01T00:00:00+00:00"


@given(st.text(max_size=60))
def test_any_text_is_a_target_or_an_error(text: str) -> None:
    """A selector prints as an equal selector."""
    try:
        target = DeploySelector.parse(text)
    except BadInput:
        return
    assert DeploySelector.parse(str(target)) == target
    assert target.exact is (target.kind == "id")
    assert isinstance(target.matches(D1), bool)


def matching(text: str) -> list[str]:
    """The ids that fit a selector among deploys of many versions."""
    runtimes = ["3.0.4", "3.0-4", "3.1-2", "3.1-12-base", "5.0.0", "12.1.0", "12.1.1", "13.2.0", None]
    rows = [deploy(f"{runtime}", runtime_version=runtime) for runtime in runtimes]
    rows.append(deploy("af2.10", runtime_version=None, airflow_version="2.10.5"))
    return [row.id for row in rows if DeploySelector.parse(text).matches(row)]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("runtime:12", ["12.1.0", "12.1.1"]),
        ("runtime:5", ["5.0.0"]),
        ("runtime:12.1.0-base", ["12.1.0"]),
        ("runtime:3.0", ["3.0-4"]),
        ("runtime:3.0.4", ["3.0.4"]),
        ("runtime:3.0-4", ["3.0-4"]),
        ("runtime:3.1", ["3.1-2", "3.1-12-base"]),
        ("runtime:3.1-12", ["3.1-12-base"]),
        ("airflow:2", ["3.0.4", "5.0.0", "12.1.0", "12.1.1", "13.2.0", "af2.10"]),
        ("airflow:2.10", ["12.1.0", "12.1.1", "af2.10"]),
        ("airflow:2.1", ["3.0.4"]),
        ("airflow:3.1", ["3.1-2", "3.1-12-base"]),
        ("previous", ["3.0.4", "3.0-4", "3.1-2", "3.1-12-base", "5.0.0", "12.1.0", "12.1.1", "13.2.0"]),
        ("tag:tag-3.1-2", ["3.1-2"]),
    ],
)
def test_selectors_fit_what_they_say(text: str, ids: list[str]) -> None:
    """A series means all its versions, and 3.0 never means 3.0.4."""
    assert [name for name in matching(text) if name not in ("None", "af2.10") or name in ids] == ids


def test_before_means_strictly_before() -> None:
    """In any zone, with a Z as well."""
    row = deploy("d", created_at=NOW)
    later = (NOW + timedelta(microseconds=1)).isoformat()
    assert not DeploySelector.parse(f"before:{NOW.isoformat()}").matches(row)
    assert not DeploySelector.parse("before:2026-11-23T12:00:00Z").matches(row)
    assert not DeploySelector.parse("before:2026-11-23T14:00:00+02:00").matches(row)
    assert DeploySelector.parse("before:2026-11-23T14:00:01+02:00").matches(row)
    assert DeploySelector.parse(f"before:{later}").matches(row)


def test_a_selector_picks_the_newest_that_may_be_picked() -> None:
    """The running deploy, failed and rolled-back deploys are excluded; a later deploy may be eligible."""
    rows = [replace(row, runtime_version="12.1.0") for row in (D1, D2)]
    left = replace(D3, runtime_version="12.1.0")
    failed = deploy("x", status=BAD, runtime_version="12.1.0")
    assert chosen("runtime:12", *rows, D3) == "d2"
    assert chosen("runtime:12", *rows, left, failed, rollback("r", rows[0])) == "d2"
    assert chosen("tag:tag-d2", D1, D2, D3, rollback("r", D1)) == "d2"
    with pytest.raises(DeployNotFound, match="'tag:tag-d3'"):
        chosen("tag:tag-d3", D1, D2, D3, rollback("r", D1))


def test_a_commit_is_found_by_its_beginning_in_either_case() -> None:
    """Several deploys of one commit are no ambiguity: the latest is meant."""
    commit = "abcdef0123" * 4
    rows = [replace(D1, git_commit=commit), replace(D2, git_commit=commit.upper()), D3]
    assert chosen("commit:ABCdef0", *rows) == "d2"
    assert chosen(f"commit:{commit}", *rows) == "d2"
    with pytest.raises(DeployNotFound):
        chosen("commit:abcdef9", *rows)


@pytest.mark.parametrize("status", [OK, BAD])
def test_an_ambiguous_commit_is_refused(status: Any) -> None:
    """This also holds if one of the two is no valid target: the user may mean it."""
    rows = [replace(D1, git_commit="abcdef01"), replace(D2, git_commit="abcdef02", status=status), D3]
    with pytest.raises(AmbiguousTarget, match=r"2 commits: abcdef01, abcdef02\. Give more digits"):
        chosen("commit:abcdef0", *rows)
    assert chosen("commit:abcdef01", *rows) == "d1"


@dataclass
class Row:
    """A deploy, and for each part the number of the deploy that brought it."""

    deploy: Deploy
    origin: dict[str, int] = field(default_factory=dict)

    def content(self, part: str) -> str | None:
        """The content of a row; the tests' rows name all of it."""
        return self.deploy.image_tag if part == "image" else self.deploy.dag_bundle


class Previous(RuleBasedStateMachine):
    """Random deploys and rollbacks, followed forwards; `previous`, which walks backwards, must agree."""

    @initialize()
    def first(self) -> None:
        """Something runs."""
        self.rows: list[Row] = []
        self.running = -1
        self.left: set[int] = set()
        self.bad_content: set[tuple[str, str | None]] = set()
        self._land(Row(deploy("d0"), {"image": 0, "dags": 0}), succeeds=True)

    def _land(self, row: Row, *, succeeds: bool) -> None:
        status = OK if succeeds else BAD
        self.rows.append(replace(row, deploy=replace(row.deploy, status=status)))
        if succeeds:
            self.running = len(self.rows) - 1
            self.bad_content -= {(part, row.content(part)) for part in ("image", "dags")}

    @rule(scope=st.sampled_from(list(Scope)), succeeds=st.booleans())
    def deploys(self, scope: Scope, succeeds: bool) -> None:
        """A new image, new Dags or both."""
        number = len(self.rows)
        runs = self.rows[self.running]
        new = deploy(f"d{number}")
        if "image" not in scope.parts:
            new = replace(new, image_tag=runs.deploy.image_tag)
        if "dags" not in scope.parts:
            new = replace(new, dag_bundle=runs.deploy.dag_bundle)
        origin = {part: number if part in scope.parts else runs.origin[part] for part in runs.origin}
        self._land(Row(new, origin), succeeds=succeeds)

    @rule(data=st.data(), scope=st.sampled_from(list(Scope)), succeeds=st.booleans())
    @precondition(lambda self: len(self.rows) > 1)
    def rolls_back(self, data: st.DataObject, scope: Scope, succeeds: bool) -> None:
        """A person or a Dag goes back to any deploy that succeeded, also to one that was left."""
        numbers = [n for n, row in enumerate(self.rows) if row.deploy.succeeded]
        self._roll_back(data.draw(st.sampled_from(numbers)), scope, succeeds)

    @rule(scope=st.sampled_from(list(Scope)), succeeds=st.booleans())
    def rolls_back_to_previous(self, scope: Scope, succeeds: bool) -> None:
        """The usual way."""
        if (number := self._expected(scope)) is not None:
            self._roll_back(number, scope, succeeds)

    def _roll_back(self, number: int, scope: Scope, succeeds: bool) -> None:
        runs, target = self.rows[self.running], self.rows[number]
        source = {part: target if part in scope.parts else runs for part in ("image", "dags")}
        row = Row(
            rollback(
                f"r{len(self.rows)}",
                target.deploy,
                scope=scope,
                image_tag=source["image"].deploy.image_tag,
                dag_bundle=source["dags"].deploy.dag_bundle,
            ),
            {part: row.origin[part] for part, row in source.items()},
        )
        if succeeds:
            self.left.add(self.running)
            self.bad_content |= {
                (part, runs.content(part)) for part in scope.parts if runs.content(part) != row.content(part)
            }
        self._land(row, succeeds=succeeds)

    def _expected(self, scope: Scope) -> int | None:
        runs = self.rows[self.running]
        fitting = [
            number
            for number, row in enumerate(self.rows)
            if row.deploy.succeeded
            and number not in self.left
            and not any((part, row.content(part)) in self.bad_content for part in scope.parts)
            and any(row.content(part) != runs.content(part) for part in scope.parts)
            and all(
                row.content(part) == runs.content(part) or number < runs.origin[part] for part in scope.parts
            )
        ]
        return max(fitting, default=None)

    @invariant()
    def previous_is_as_expected(self) -> None:
        """For every scope, from the same rows newest first."""
        if not self.rows:
            return
        rows = [row.deploy for row in self.rows]
        for scope in Scope:
            number = self._expected(scope)
            if number is None:
                with pytest.raises(DeployNotFound):
                    chosen("previous", *rows, scope=scope)
            else:
                assert chosen("previous", *rows, scope=scope) == rows[number].id


TestPrevious = Previous.TestCase
TestPrevious.settings = settings(stateful_step_count=25)
