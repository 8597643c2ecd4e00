"""The platform on one machine: it starts an algorithm, sends requests, reads its messages.

Reading order: `contract` has the forms of messages and requests; `algorithm` is what runs,
`instances` where it runs; `client` sends requests, `sources` brings messages back; `platform` is
the whole, and `web` and `terminal` are its two fronts; `commands` has the command lines.
"""
