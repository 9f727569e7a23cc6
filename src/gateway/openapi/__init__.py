"""The document of the API and the page made from it: files, and what builds them.

Only ``python -m gateway openapi`` and the tests build them; a server reads the files.
"""
