# SPDX-License-Identifier: Apache-2.0
"""Tests of finding the fields of a row under other names."""

from __future__ import annotations

from airflow_rollback_provider.platforms.schema.fields import missing, name_missing, paths
from tests.platforms.schema.telling import schema_of

SDL = """
type Query { row: Row }
type Row {
  id: ID!, tag: String, state: Color, at: String, many: [String], pinned: Boolean, author: Person
  needy(x: Int!): String, free(x: Int): String, thing: Thing, people: [Person]
}
type Person { id: ID, name: String, friends: [Person], boss: Person }
type Thing { id: ID, runtimeVersion: String }
enum Color { RED }
"""
SCHEMA = schema_of(SDL)
ROW = SCHEMA.kinds["Row"]


def test_paths_lead_to_texts() -> None:
    """One object deep; lists, truth values and what needs arguments are no texts of a row."""
    found = list(paths(ROW, SCHEMA, ()))
    assert found == [
        "id", "tag", "state", "at", "author.id", "author.name", "free", "thing.id", "thing.runtimeVersion",
    ]  # fmt: skip
    assert "thing.id" not in list(paths(ROW, SCHEMA, ["Thing"]))


def test_what_is_missing_is_found_under_another_name() -> None:
    """Not under one that is used already, nor in an object that is about something else."""
    fields = {
        "id": "id",
        "image_tag": "imageTag",
        "status": "status",
        "created_by": "createdBy.username",
        "runtime_version": "runtimeVersion",
        "type": None,
    }
    assert missing(ROW, SCHEMA, fields) == ["image_tag", "status", "created_by", "runtime_version"]
    names = name_missing(ROW, SCHEMA, fields, ["Thing"])
    assert names.likeliest == {
        "image_tag": "tag",
        "status": "state",
        "created_by": "author.name",
        "runtime_version": None,
    }
    assert names.unused == ("at", "author.id", "free")
    assert name_missing(ROW, SCHEMA, fields, []).likeliest["runtime_version"] == "thing.runtimeVersion"


def test_other_candidates_are_told() -> None:
    """Whoever knows the installation may choose another one."""
    schema = schema_of(
        "type Query { row: Row } type Row { id: ID, tag: String, imageTagName: String, tags: String }"
    )
    names = name_missing(schema.kinds["Row"], schema, {"image_tag": "imageTag"}, [])
    assert names.likeliest["image_tag"] == "tag"
    assert names.others["image_tag"] == ("tags",) or "imageTagName" in names.others["image_tag"]


def test_a_path_that_ends_at_no_text_is_missing() -> None:
    """An object, a list or a truth value cannot be read as a text."""
    fields = {"a": "author", "b": "many", "c": "pinned", "d": "author.name.more", "e": "author.id"}
    assert missing(ROW, SCHEMA, fields) == ["a", "b", "c", "d"]
