"""Failover between the providers of a request: of `provider: auto` there are several, else there is one."""

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
    """The result of `attempt` for the first candidate for which it does not fail. `candidates` are by the provider's
    name, in the order in which they are tried. After a ProviderError or SampleUnusable the next one is tried, and
    `on_failover` is called with the name of the one that failed; not after OutcomeUnknown, where the work may have been
    done. Raises what the last one raises."""
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
    """The results of `check` for the candidates that it does not refuse. Raises its first refusal where it refuses
    all."""
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
