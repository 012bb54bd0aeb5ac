"""What SQLite and PostgreSQL write differently, as expressions that each gets in its own words.

SQLite's values have types of their own: a path in a document is a number or a text, as the document says, and numbers
come before texts. PostgreSQL's columns have one type: there a path is a text, and for an order a text that sorts as the value
would. All texts compare by their bytes, and only ASCII letters have a lower case.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import ARRAY, BigInteger, Boolean, ColumnElement, Dialect, String, Text, bindparam, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType, TypeDecorator, TypeEngine

TEXT = Text().with_variant(Text(collation="C"), "postgresql")


class Ordered(TypeDecorator[Any]):
    """Values that keep the order of numbers and texts: themselves on SQLite, a text on PostgreSQL."""

    impl = NullType
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(NullType() if dialect.name == "sqlite" else Text())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return value if dialect.name == "sqlite" else str(value)


class _Numbers(TypeDecorator[Any]):
    """A set of numbers as one value."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(String() if dialect.name == "sqlite" else ARRAY(BigInteger()))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return msgspec.json.encode(value).decode() if dialect.name == "sqlite" else value


class _InDocument(FunctionElement[Any]):
    """Of a document and a path; the path is written into the statement, as an index over it needs."""

    inherit_cache = True
    type: TypeEngine[Any] = NullType()

    def __init__(self, document: ColumnElement[Any], path: str) -> None:
        keys = path.replace("[", ".").replace("]", "")
        self._of = (document, path)
        super().__init__(document, literal_column(f"'$.{path}'"), literal_column(f"'{{{keys.replace('.', ',')}}}'"))

    def parts(self, compiler: SQLCompiler, **kw: Any) -> tuple[str, str, str]:
        document, path, keys = (compiler.process(clause, **kw) for clause in self.clauses)
        return document, path, keys


class in_document(_InDocument):  # noqa: N801 (read like the functions of SQLAlchemy)
    """What stands at a path of a JSON document; nothing for null."""

    inherit_cache = True


class words_in_document(_InDocument):  # noqa: N801
    """As in_document, with booleans as the words people write."""

    inherit_cache = True

    def order(self) -> ColumnElement[Any]:
        """What to sort by it."""
        return order_in_document(*self._of)


class order_in_document(_InDocument):  # noqa: N801
    """What words_in_document sorts by: numbers, then texts, nothing as an empty text."""

    inherit_cache = True
    type = Ordered()


@compiles(in_document, "sqlite")
def _(element: in_document, compiler: SQLCompiler, **kw: Any) -> str:
    document, path, _keys = element.parts(compiler, **kw)
    return f"json_extract({document}, {path})"


@compiles(words_in_document, "sqlite")
def _(element: words_in_document, compiler: SQLCompiler, **kw: Any) -> str:
    return _worded(element, compiler, **kw)


@compiles(order_in_document, "sqlite")
def _(element: order_in_document, compiler: SQLCompiler, **kw: Any) -> str:
    return f"coalesce({_worded(element, compiler, **kw)}, '')"


def _worded(element: _InDocument, compiler: SQLCompiler, **kw: Any) -> str:
    document, path, _keys = element.parts(compiler, **kw)
    words = " ".join(f"WHEN '{word}' THEN '{word}'" for word in ("true", "false"))
    return f"CASE json_type({document}, {path}) {words} ELSE json_extract({document}, {path}) END"


def _json(document: str) -> str:
    """PostgreSQL reads no document with an escaped NUL in it: another character stands in for that."""
    replaced = rf"regexp_replace({document}, '(?<!\\)((\\\\)*)\\u0000', '\1\\ufffd', 'g')"
    return rf"CAST(CASE WHEN strpos({document}, '\u0000') = 0 THEN {document} ELSE {replaced} END AS json)"


@compiles(in_document, "postgresql")
@compiles(words_in_document, "postgresql")
def _(element: _InDocument, compiler: SQLCompiler, **kw: Any) -> str:
    document, _path, keys = element.parts(compiler, **kw)
    return f'(({_json(document)} #>> {keys}) COLLATE "C")'


@compiles(order_in_document, "postgresql")
def _(element: order_in_document, compiler: SQLCompiler, **kw: Any) -> str:
    """A number is the bytes of its double, which sort as it does; turned round where it is negative."""
    document, _path, keys = element.parts(compiler, **kw)
    found = f"{_json(document)} #>> {keys}"
    size = f"encode(float8send(abs(CAST({found} AS double precision))), 'hex')"
    number = (
        f"CASE WHEN left({found}, 1) = '-' THEN '0' || translate({size}, '0123456789abcdef', 'fedcba9876543210') ELSE '1' || {size} END"
    )
    return (
        f"((CASE json_typeof({_json(document)} #> {keys}) WHEN 'number' THEN {number}"
        f""" ELSE '2' || coalesce({found}, '') END) COLLATE "C")"""
    )


class _Holds(FunctionElement[Any]):
    """A condition. In SQLite's dialect SQLAlchemy compares one with 1 unless told not to, and no index answers that."""

    inherit_cache = True
    type = Boolean()

    def self_group(self, against: Any = None) -> Any:
        return self


class holds(_Holds):  # noqa: N801
    """Whether a text has another in it, in any case."""

    inherit_cache = True


@compiles(holds, "sqlite")
def _(element: holds, compiler: SQLCompiler, **kw: Any) -> str:
    text, part = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"(instr(lower({text}), lower({part})) > 0)"


@compiles(holds, "postgresql")
def _(element: holds, compiler: SQLCompiler, **kw: Any) -> str:
    text, part = (f'lower({compiler.process(clause, **kw)} COLLATE "C")' for clause in element.clauses)
    return f"(strpos({text}, {part}) > 0)"


class _Among(_Holds):
    inherit_cache = True


@compiles(_Among, "sqlite")
def _(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, numbers = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({numbers}))"  # noqa: S608 (our own words)


@compiles(_Among, "postgresql")
def _(element: _Among, compiler: SQLCompiler, **kw: Any) -> str:
    column, numbers = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"{column} = ANY ({numbers})"


def among(column: ColumnElement[int], numbers: Iterable[int]) -> ColumnElement[bool]:
    """Whether a number is one of these, however many they are."""
    return _Among(column, bindparam("numbers", list(numbers), _Numbers(), unique=True))


class milliseconds(FunctionElement[int]):  # noqa: N801
    """The database's clock, in milliseconds since 1970."""

    inherit_cache = True
    type = BigInteger()


@compiles(milliseconds, "sqlite")
def _(element: milliseconds, compiler: SQLCompiler, **kw: Any) -> str:
    return "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


@compiles(milliseconds, "postgresql")
def _(element: milliseconds, compiler: SQLCompiler, **kw: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"
