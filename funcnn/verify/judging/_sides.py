"""Both sides of a check, the rule and its truth, run at a point."""

EPS = {"float64": 2.0**-53, "float32": 2.0**-24, "bfloat16": 2.0**-8, "float16": 2.0**-11}


Dtypes = str | tuple[str, ...]
