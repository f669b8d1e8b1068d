"""The errors that netral raises on purpose: one clear line each, with a remedy."""

from __future__ import annotations


class NetralError(Exception):
    """Base of every error that is raised on purpose.

    The command line prints its message as one line and exits with `exit_code`.
    """

    exit_code = 1


class InputError(NetralError):
    """A user's file or value cannot be used as it is."""


class ConfigError(NetralError):
    """A request (training configuration, options of a command) contradicts itself or lacks something."""


class ModelFolderError(NetralError):
    """A model folder or hub id is missing, incomplete or not one of ours."""


class MissingExtraError(NetralError):
    """An optional dependency is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra [{extra}]: pip install 'netral-nlp[{extra}]'")
        self.extra = extra
