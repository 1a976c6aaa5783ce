"""The APIs that served models are asked in: how a request is written in each, and how its reply is read."""
