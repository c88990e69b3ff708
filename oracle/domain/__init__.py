"""What a filing, a dossier and an approval are. Pure: no network, no clock, no database.

Begin with `dossier.Dossier` (what the issuer says), `filing.FilingRecord` (what the regulator published) and
`approval.FilingApproval` (what the operators sign).
"""
