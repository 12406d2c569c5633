"""The only place that knows every stage: collect, choose ranges, quantize, compare."""
