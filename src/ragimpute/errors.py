"""The one exception that means "the user can mend this"."""


class InputError(Exception):
    """An input is wrong; the message names the file, the line or site, and the fix.

    The CLI prints it without a traceback and exits with 1. Anything else that escapes is a defect of ours.
    """
