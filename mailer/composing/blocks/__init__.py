"""Messages written in blocks: data on one side, the HTML of a mail on the other."""
