"""Brownie: deploy committee, registry and tokens as a manifest says.

    brownie run deploy --network anvil

Environment: MANIFEST (default build/demo/manifest.toml), OUT (default build/brownie-deployment.json), KEYSTORE.
"""

from oracle.chain.deployment import deploy, load_manifest, save_deployment
from scripts.brownie_sender import connected, file, sender, told


@told
def main() -> None:
    """Deploy and write the deployment file."""
    manifest = load_manifest(file("MANIFEST", "build/demo/manifest.toml"))
    deployment = deploy(manifest, connected(), sender())
    out = file("OUT", "build/brownie-deployment.json")
    save_deployment(deployment, out)
    committee = f"{deployment.threshold} of {len(deployment.operators)} operators"
    print(f"registry {deployment.registry} on chain {deployment.chain_id}: {committee}")
    for token in deployment.tokens:
        print(f"{token.id} {token.symbol} {token.address}")
    print(f"wrote {out}")
