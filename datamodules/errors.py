"""The error that a user's data can cause."""


class DataError(ValueError):
    """Something is wrong with the data; the message says what, and what to do, in one sentence.

    The command line prints the message alone and exits with code 2.
    """
