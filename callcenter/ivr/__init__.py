"""What the caller is asked: flows as data, checked before use, run by a pure interpreter; and the voice that asks.

flow, check, interpreter, asks, nodes, speech, catalogue, hours decide and do no I/O. store keeps flows, lookup asks other systems,
prompts makes the sounds. calls/menu.py drives the interpreter.
"""
