"""One request over HTTP: body in, the pipeline to an answer, relay out, errors, disconnects."""
