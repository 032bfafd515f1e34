"""What outlives a restart: one SQLite file that all workers of a machine, and the command line, share.

    place       where it lies
    opening     found or made, checked, brought up to date
    migrating   numbered steps of SQL, one transaction each
    file        StateFile: read, write and post, in a thread
    problems    what can be wrong with it, and what to do
    status      how it is, for those who ask

Each table has a file of its own, which knows SQL; rooms above know Protocols.
"""
