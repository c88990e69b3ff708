"""A filing to try a committee with: publishes its notice on the stand-in of the regulator's site, writes its dossier.

    python -m scripts.trial_filing --deployment deployment.json --state site.json --out dossier.json

The tokens `senior` and `subordinated` of the deployment are its tranches. Run it again with --revoke to have the page
say that the filing is revoked.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from oracle.chain.deployment import load_deployment
from oracle.domain.dossier import parse_dossier
from oracle.rules.case import SHANGHAI
from tests.samples.dossier import ENTITY_NAME, sample_dossier
from tests.standin.csrc_site import SiteState

NUMBER = "国合函〔2026〕2002号"


def main() -> None:
    """Publish and write, or withdraw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--deployment", type=Path, default=Path("deployment.json"), metavar="FILE")
    parser.add_argument("--issuer", metavar="ADDRESS", help="who may mint, as in the manifest")
    parser.add_argument("--state", type=Path, default=Path("site.json"), metavar="FILE", help="the stand-in's state")
    parser.add_argument("--out", type=Path, default=Path("dossier.json"), metavar="FILE")
    parser.add_argument("--revoke", action="store_true", help="publish that the filing is revoked")
    arguments = parser.parse_args()
    site = SiteState(arguments.state)
    if arguments.revoke:
        site.withdraw_notice(NUMBER)
        print(f"{NUMBER}: the page says that it is revoked")
        return
    today = datetime.now(UTC).astimezone(SHANGHAI).date()
    deployment = load_deployment(arguments.deployment)
    tokens = [deployment.token(name).address for name in ("senior", "subordinated")]
    issuer = {"mint_controller": arguments.issuer} if arguments.issuer else {}
    content = sample_dossier(today=today, number=NUMBER, tokens=tokens, **issuer)
    arguments.out.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    parse_dossier(arguments.out.read_bytes(), what=str(arguments.out))
    issued_on = (today - timedelta(days=27)).isoformat()
    site.publish_notice(number=NUMBER, company=ENTITY_NAME, units=1_000_000, amount="100000000", issued_on=issued_on)
    print(f"{arguments.out}; the page says that {NUMBER} is filed")


if __name__ == "__main__":
    main()
