"""Check hand-written derivative rules, in anybody's JAX code. Imports nothing else of funcnn but `_intercept`."""

from ._check import check as check
from ._compare import Comparison as Comparison
from ._compare import Row as Row
from ._compare import compare as compare
from ._errors import relative_errors as relative_errors
from ._without_rules import without_rules as without_rules
from .audit._audit import audit as audit
from .audit._rows import Audit as Audit
from .audit._rows import AuditRow as AuditRow
from .report._report import Finding as Finding
from .report._report import Report as Report
