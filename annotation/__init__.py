"""People: the home of everything about annotation (the queue, records, sync, agreement, guidelines, server)."""
