"""The viewer: evaluations to be read in a browser, from the tables and by the functions that reports are made of.

It only reads. Numbers are not made here: what a report says of an evaluation, the viewer says in the same words.
"""
