"""Which version this is, also where it was never installed."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

NAME = "agent-sessions-monitor"


def found() -> str:
    """The clone's that this runs from, as a Hermes plugin may; else the installed package's."""
    try:
        text = (Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8")
        project = tomllib.loads(text)["project"]
        if project["name"] == NAME:
            return str(project["version"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    try:
        return metadata.version(NAME)
    except metadata.PackageNotFoundError:
        return "of unknown version"
