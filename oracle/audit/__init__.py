"""The auditor's half: everything recomputed from the chain, nothing taken from an operator.

Begin with `chain_audit.audit_chain`.
"""
