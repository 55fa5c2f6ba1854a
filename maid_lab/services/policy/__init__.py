"""The target policy: which addresses may be put under load, and how much.

A policy file is `/etc/maid/targets.yaml`, else the path in `MAID_TARGETS`, else `<home>/targets.yaml`; without one, loopback and bundled
targets are free and everything else needs an entry or an approval. A file that is there but cannot be understood refuses every target.
"""

from maid_lab.services.policy.addresses import inner_address
from maid_lab.services.policy.gate import Decision, TargetGate
from maid_lab.services.policy.targets import Caps, TargetPolicy, TargetRule, Window

__all__ = ["Caps", "Decision", "TargetGate", "TargetPolicy", "TargetRule", "Window", "inner_address"]
