def render_report(m, r): return ""
