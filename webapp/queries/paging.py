"""A page of rows."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from flask import request
from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

PAGE = 25

T = TypeVar("T")


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some of the rows, and where they lie among all."""

    rows: list[T]
    number: int  # From 1.
    n_total: int
    size: int = PAGE

    @property
    def n_pages(self) -> int:
        """How many pages there are, at least one."""
        return max(1, -(-self.n_total // self.size))


def page_number() -> int:
    """The page that the request asks for, from 1; anything that is no such number is page 1."""
    return min(max(1, request.args.get("page", 1, type=int)), 1_000_000)


def page_of(session: Session, query: Select[T], number: int, *, size: int = PAGE) -> Page[T]:
    """One page of what a query finds."""
    n_total = session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    rows = list(session.scalars(query.limit(size).offset((number - 1) * size)))
    return Page(rows, number, n_total, size)


def cut(rows: list[T], number: int, *, size: int = PAGE) -> Page[T]:
    """One page of rows that are all at hand."""
    return Page(rows[(number - 1) * size : number * size], number, len(rows), size)
