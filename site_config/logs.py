"""What the log says about an answer."""

import logging


class NoTraceOfRefusals(logging.Filter):
    """A 403 or 404 is one line: a trace of it tells nothing, and a stranger could fill the disk by it."""

    def filter(self, record: logging.LogRecord) -> bool:
        if 400 <= getattr(record, "status_code", 0) < 500:
            record.exc_info = record.exc_text = None
        return True
