"""ISO 20022: settlement instructions, their status and confirmation, holdings and cash statements.

`structure.py` says what a message must hold, `reading.py` and `writing.py` are the way in and out, `xsd.py` asks the
schemas of ISO where a folder of them is set, and each message has its own file with its table of fields.
"""
