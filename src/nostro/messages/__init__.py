"""What the street says and hears: FIX, ISO 20022, SWIFT MT, statements, market files. Pure: bytes in, frames out, and back.

A file holds many messages. Reading one gives a `Parsed` (good messages as a frame, bad ones each with all their errors);
writing one gives a `Built` (the bytes, and where in them each message stands). `shapes.py` names the columns.
"""
