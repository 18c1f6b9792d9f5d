"""The one exception that means: the person who ran the command can mend this."""


class UserError(Exception):
    """A mistake in the input, the configuration or the surroundings; not a bug.

    The message is one sentence that names the file, line or value, says what was expected, and what to do.
    The command line prints it without a traceback and exits with code 2.
    """
