"""The operator's service: its configuration, its decisions, its HTTP API.

Begin with `config.load_config`, `service.Node` and `http_api.create_app`.
"""
