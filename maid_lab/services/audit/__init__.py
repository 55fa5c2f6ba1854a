"""The audit log: who did what, so that a change of what was written shows."""

from maid_lab.services.audit.log import AuditLog, AuditPage
from maid_lab.services.audit.verification import Broken, Verification

__all__ = ["AuditLog", "AuditPage", "Broken", "Verification"]
