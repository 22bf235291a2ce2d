"""What an author should know before a message goes out: one list, in the editor and before sending."""
