"""What a check of the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class CheckResult:
    """`advice` says what to do, and is empty where nothing is to be done."""

    check: str
    status: Status
    message: str
    advice: str = ""


def ok(check: str, message: str) -> CheckResult:
    return CheckResult(check, "ok", message)


def warning(check: str, message: str, advice: str) -> CheckResult:
    return CheckResult(check, "warning", message, advice)


def failed(check: str, message: str, advice: str) -> CheckResult:
    return CheckResult(check, "failed", message, advice)
