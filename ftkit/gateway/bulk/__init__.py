"""Batches of any size: requests written once in shards, answered by batches or in real time, joined again.

A work directory holds everything: ``requests/`` (the shards and their plan), ``rounds/`` (what is asked
again), ``answers/`` (what came) and ``state.json`` (which batch does what). A run that was killed
anywhere goes on from it; what was submitted is also in the ledger.
"""
