"""A program and its tests, in two processes that share nothing but pipes.

The program runs in a sandbox and is asked from outside: it never sees a test. The tests run in a confined process of
their own, where the names that the program defines stand for calls over the pipes.
"""
