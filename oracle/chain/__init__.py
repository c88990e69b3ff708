"""The chain side: compiled artifacts, deployment, the registry's client, the event reader, the transaction senders.

Begin with `rpc.connect`, `deployment.deploy` and `registry.Registry`.
"""
