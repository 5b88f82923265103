"""SWIFT MT: files in RJE form, messages, sequences, and the kinds we exchange. ISO 15022 报文

    tokens        a file into messages, a message into blocks and fields
    tree          fields into sequences (16R, 16S)
    tables        which fields each message type has, and their formats
    validate      judges a message by the tables, all errors at once
    instructions, status, confirmations, holdings, cash      what goes between us and a servicer

A sender or receiver is a BIC of 11 characters. We write the input form, {1:F01<sender>}{2:I<type><receiver>N}; in the
output form, which a network delivers, the sender stands in block 2.
"""
