"""The errors that a user can cause: a leaf that anyone may import, and that loads nothing."""


class UserError(ValueError):
    """A mistake of the user's; the message says what is wrong, and what to do, in one sentence.

    The command line prints the message alone and exits with code 2.
    """


class DataError(UserError):
    """Something is wrong with the data."""
