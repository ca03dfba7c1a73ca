"""Failover between the providers of a request: `provider: auto` has several, any other choice one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from voxport.errors import OutcomeUnknown, ProviderError, ProviderUnavailable, SampleUnusable, VoxportError

C = TypeVar("C")
T = TypeVar("T")
_log = logging.getLogger("voxport.providers")


def first_that_works(
    candidates: Mapping[str, C], attempt: Callable[[C], T], *, on_failover: Callable[[str], None] = lambda _: None
) -> T:
    """Return the result of `attempt` for the first candidate for which it succeeds. `candidates` maps provider names,
    in the order in which they are tried. A ProviderError or SampleUnusable calls `on_failover` with the name of the
    failed provider and moves on to the next one. OutcomeUnknown is raised at once, because the work may have been done.
    Raises what the last candidate raises."""
    *others, last = candidates
    for name in others:
        try:
            return attempt(candidates[name])
        except OutcomeUnknown:
            raise
        except (ProviderError, SampleUnusable) as error:
            _log.warning("another provider is tried", extra={"failed": name, "code": error.code})
            on_failover(name)
    return attempt(candidates[last])


def all_that_can(candidates: Iterable[C], check: Callable[[C], T]) -> list[T]:
    """Return the results of `check` for the candidates for which it does not raise. Raises the first error if it raises
    for all."""
    results: list[T] = []
    refusals: list[VoxportError] = []
    for candidate in candidates:
        try:
            results.append(check(candidate))
        except VoxportError as refusal:
            refusals.append(refusal)
    if not results:
        raise refusals[0] if refusals else ProviderUnavailable("No provider can be used.")
    return results
