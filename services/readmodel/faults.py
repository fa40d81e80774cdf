"""Why the read model cannot answer: apart from the engine, so that who asks it need not import SQLAlchemy."""


class ReadModelError(Exception):
    """The read model cannot be used as it is; the text says what to do."""


class ReadModelAwayError(ReadModelError):
    """The database does not answer, or is busy: nothing was read or written, and it is worth trying again."""
