"""What can go wrong in the core, as exceptions that say what to do next."""

from __future__ import annotations


class CoreError(Exception):
    """Base of the errors that a caller can act on."""


class ConfigError(CoreError):
    """Settings that contradict each other or the data.

    Args:
        message: what is wrong and what to do.
        setting: dotted name of the one to be looked at, where there is one.
    """

    def __init__(self, message: str, setting: str | None = None) -> None:
        super().__init__(message)
        self.setting = setting


class DataError(CoreError):
    """A data set that is missing, unreadable or not what it should be."""


class CheckpointError(CoreError):
    """A checkpoint that is torn, altered, or of another configuration."""


class TooLargeError(CoreError):
    """A model, or one step of its training, that the memory here can never hold."""


class NonFiniteLossError(CoreError):
    """A loss became NaN or infinite; the message names epoch and step."""


class EvaluationError(CoreError):
    """A part of an evaluation that cannot be computed from this model or data."""


class AbsentError(CoreError):
    """A figure that cannot be had here, such as one whose weights are not there; not a failure."""
