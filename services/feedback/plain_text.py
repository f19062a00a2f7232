"""Answers in plain text, for those who would rather read than parse."""

from typing import Any

from fastapi import Request

# Documented beside the JSON that the models describe.
TEXT_TOO: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}}
}


def wants_text(request: Request) -> bool:
    """Say whether the caller prefers plain text over JSON: it names text before JSON."""
    accept = request.headers.get("accept", "")
    text, json = accept.find("text/plain"), accept.find("application/json")
    return text >= 0 and (json < 0 or text < json)
