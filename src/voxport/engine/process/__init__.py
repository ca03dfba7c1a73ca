"""Runs the engine in a process of its own, which one process has for itself or several share.

client.py      EngineProcess: what the rest of the gateway calls
connection.py  the client's end of a connection, and the start of the process
shared.py      finds the engine that other processes use, or starts it
server.py      the process's program: its connections and its end
service.py     serves the calls of all connections with the engine
call_queue.py  the order in which calls are served
protocol.py    the frames between client and process
"""
