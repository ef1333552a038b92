"""The errors of Coldstart: each says what, where, got, wanted and what to do.

CurationError
  InputError         the user's input is wrong: one line, exit code 2
    RecipeError        a recipe, a setting or a plug-in's name
    SchemaError        a file or frame does not have the declared columns, keys or values
    StoreError         a run folder: locked, of another recipe, unreadable, changed underneath
  BackendError       a server or library that work depends on failed: exit code 1
    TooManyErrors      more rows failed than the recipe's max_error_rate allows
  NoExamples           a run ended with nothing to export: exit code 1
  WorkOwed           stopped on purpose with work left (a budget, a limit): exit code 3
"""


class CurationError(Exception):
    """Any error that Coldstart raises on purpose."""

    exit_code = 1


class InputError(CurationError):
    """The user's input is wrong; the text alone tells what to change."""

    exit_code = 2


class RecipeError(InputError):
    """A recipe, a setting or the name of a plug-in is wrong."""


class SchemaError(InputError):
    """A file or a frame does not match its declaration."""


class StoreError(InputError):
    """A run folder cannot be used as asked."""


class BackendError(CurationError):
    """Something that work depends on failed."""


class TooManyErrors(BackendError):
    """More rows failed than `max_error_rate` allows; the commonest reasons are named."""


class NoExamples(CurationError):
    """A run came to its end with nothing to export."""


class WorkOwed(CurationError):
    """Stopped on purpose with work left to do; the same command continues."""

    exit_code = 3
