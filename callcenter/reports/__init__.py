"""What the ledger's rows come to: service levels by every formula in use, agents' days, and app_queue's queue_log.

Decides (pure): ``model`` (visits and their counts), ``service_level`` and ``erlang`` (the formulas), ``periods`` (days and hours of
the centre's zone), ``queue_log`` (events → lines). Does: ``store`` (all its SQL), ``service`` (what pages, API and command line ask).
"""
