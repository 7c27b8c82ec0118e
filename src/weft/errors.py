"""The one exception for everything a user can cause, so that the command line can print it without a traceback."""


class WeftError(Exception):
    """A problem the user can mend. The message says what is wrong, where, and what to do.

    Raise it instead of a library's own exception wherever the cause lies in the user's
    data, recipe, disk or model; let every other exception escape, because it is our bug.
    """


class Unable(WeftError):
    """A model lacks what a task asks for, a text tower for instance: its other tasks can still be done."""
