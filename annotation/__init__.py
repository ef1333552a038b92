"""People: the home of everything about annotation (records, sync, agreement, guidelines, server).

The tables people fill (queue, annotations, adjudicated) are declared in `schemas`; nothing fills them yet.
"""
