"""Where objects live: one protocol (`protocol.py`), SQLite behind it (`sql.py`), and the label index for targeting."""
