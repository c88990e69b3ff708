"""Brownie: how a deployment stands, and an audit of it.

    brownie run inspect --network anvil

Environment: DEPLOYMENT (default build/demo/deployment.json).
"""

from oracle.audit.chain_audit import audit_chain
from oracle.chain.deployment import load_deployment
from oracle.chain.overview import overview
from oracle.domain.units import format_units
from scripts.brownie_sender import connected, file, told


@told
def main() -> None:
    """Print committee, tranches and the audit's result."""
    w3 = connected()
    deployment = load_deployment(file("DEPLOYMENT", "build/demo/deployment.json"))
    seen = overview(w3, deployment)
    print(f"registry {seen.registry}: {seen.threshold} of {len(seen.operators)} operators")
    for filing in seen.filings:
        print(f"filing {filing.filing}: {filing.state.status.name}, sequence {filing.state.sequence}")
        for item in filing.tranches:
            issued, cap = (format_units(amount, item.token.decimals) for amount in (item.state.issued, item.state.cap))
            may = f"not mintable: {item.refusal}" if item.refusal else "mintable"
            print(f"  {item.token.id} {item.token.symbol}: issued {issued} of {cap}, {may}")
    report = audit_chain(w3, deployment)
    for finding in report.findings:
        print(f"{finding.severity} {finding.id}: expected {finding.expected}, found {finding.found}")
    print(f"audit: {sum(report.checks.values())} checks, {len(report.findings)} deviations")
