"""Check hand-written derivative rules, in anybody's JAX code. Imports nothing else of funcnn but `_intercept`."""

from ._audit import Audit as Audit
from ._audit import AuditRow as AuditRow
from ._audit import audit as audit
from ._check import check as check
from ._compare import Comparison as Comparison
from ._compare import Row as Row
from ._compare import compare as compare
from ._errors import relative_errors as relative_errors
from ._report import Finding as Finding
from ._report import Report as Report
from ._without_rules import without_rules as without_rules
