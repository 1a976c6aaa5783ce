"""The viewer's pages as files: what its server works out per request is written down, or chosen by the page's script.

Pages come from the viewer's templates, numbers and words from its functions; nothing is computed here.
"""
