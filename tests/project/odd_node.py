"""Answers each control request on a channel with the same texts, whatever they are.

The arguments are where the database is, the channel, and the texts: each is sent as one notification.
"""

import json
import sys

import psycopg

conninfo, channel, *texts = sys.argv[1:]
with psycopg.connect(conninfo, autocommit=True) as listener, psycopg.connect(conninfo, autocommit=True) as sender:
    listener.execute('LISTEN "%s"' % channel)
    print("listening", flush=True)
    for request in listener.notifies():
        reply_to = json.loads(request.payload)["reply_to"]
        for text in texts:
            sender.execute("SELECT pg_notify(%s, %s)", (reply_to, text))
