"""The figures as Markdown tables."""

import statistics

SIZE_NAMES = {"1k": "1 KiB", "64k": "64 KiB", "1m": "1 MiB"}
MODE_NAMES = {"h1": "HTTP/1.1", "h2": "HTTP/2 both sides", "tls": "HTTP/1.1 over TLS"}


def table(title, columns, rows):
    print(f"\n### {title}\n\n| | " + " | ".join(columns) + " |\n|---|" + "---:|" * len(columns))
    for name, cells in rows.items():
        print(f"| {name} | " + " | ".join("–" if cell is None else cell for cell in cells) + " |")


def ratio_base(rows):
    return next((name for name in ("floor", "nginx", "nghttpx") if name in rows), next(iter(rows)))


def print_throughput(mode, results):
    for size, rows in results.items():
        if not rows:
            continue
        base = ratio_base(rows)
        order = sorted(rows, key=lambda name: rows[name]["cpu_us"])
        table(
            f"{MODE_NAMES[mode]}, {SIZE_NAMES[size]}",
            (f"CPU a request, {base} = 1", "CPU a request", "requests/s", "memory"),
            {
                name: (
                    f"{rows[name]['cpu_us'] / rows[base]['cpu_us']:.2f}",
                    f"{rows[name]['cpu_us']:.1f} µs",
                    f"{rows[name]['rate']:,.0f}",
                    f"{rows[name]['memory'] / 2**20:.1f} MiB",
                )
                for name in order
            },
        )


def print_refused(rows):
    base = ratio_base(rows)
    what = {"floor": "relays 1 KiB", "outrigger": "the open breaker refuses"}
    table(
        "A refused call, HTTP/1.1",
        (f"CPU a request, {base} = 1", "CPU a request", "requests/s"),
        {
            f"{name}: {what[name]}": (
                f"{row['cpu_us'] / rows[base]['cpu_us']:.2f}",
                f"{row['cpu_us']:.1f} µs",
                f"{row['rate']:,.0f}",
            )
            for name, row in rows.items()
        },
    )


def print_latency(rows):
    table(
        "Added latency, one connection, 1 KiB",
        ("p50", "p99"),
        {name: (f"{row['p50']:.0f} µs", f"{row['p99']:.0f} µs") for name, row in rows.items()},
    )


def print_keyed(rows):
    if len(rows) == 2:
        ours, bare = rows["with"], rows["without"]
        rows["added"] = {name: ours[name] - bare[name] for name in ours}
    table(
        "An idempotency key (two synced records), POSTs at 1,000 a second",
        ("p50", "p90", "p99"),
        {name: [f"{row[p]:.0f} µs" for p in ("p50", "p90", "p99")] for name, row in rows.items()},
    )


def known(figures):
    return [figure for figure in figures if figure is not None]


def middle(figures, form):
    return form.format(statistics.median(known(figures))) if known(figures) else None


def ratios(figures, base):
    """The median of the rounds' ratios, and the least and the largest."""
    pairs = [(a, b) for a, b in zip(figures, base) if a is not None and b is not None]
    if not pairs:
        return None
    each = sorted(a / b for a, b in pairs)
    return f"{statistics.median(each):.2f} ({each[0]:.2f}–{each[-1]:.2f})"


def print_costs(title, rows, bases, names=lambda name: name, p50=False):
    """Figures of one round each, which are compared within their round."""
    order = sorted(rows, key=lambda name: statistics.median(known(rows[name]["cpu_us"]) or [1e9]))
    bases = [base for base in bases if base in rows]
    columns = [f"CPU a request, {names(base)} = 1" for base in bases]
    columns += ["CPU a request", "requests/s"]
    columns += [f"p50, {names(bases[0])} = 1", "p50"] if p50 and bases else []
    cells = {}
    for name in order:
        row = rows[name]
        cells[names(name)] = [ratios(row["cpu_us"], rows[base]["cpu_us"]) for base in bases]
        cells[names(name)] += [middle(row["cpu_us"], "{:.1f} µs"), middle(row["rate"], "{:,.0f}")]
        if p50 and bases:
            ratio = ratios(row["p50"], rows[bases[0]]["p50"])
            cells[names(name)] += [ratio, middle(row["p50"], "{:.1f} µs")]
    table(title, columns, cells)


def print_cache(results):
    for key, protocol in (("hits", "HTTP/1.1"), ("hits_h2", "HTTP/2")):
        for size, rows in results[key].items():
            title = f"An answer that is stored, {protocol}, {SIZE_NAMES[size]}"
            print_costs(title, rows, ("floor", "outrigger"))
    title = "A prompt whose answer is stored, 1 KiB each (the floor relays both)"
    print_costs(title, results["prompt"], ("floor",))
    names = {"none": "no cache", "memory": "in memory", "disk": "in memory and on disk"}
    for size, rows in results["misses"].items():
        title = f"An answer that is not stored yet, {SIZE_NAMES[size]}"
        print_costs(title, rows, ("none",), lambda name: names.get(name, name), p50=size == "1k")


def print_streams(results):
    most = results.pop("silent_streams")
    kib = lambda row, key: f"{max(0, row[key]) / 1024:.1f} KiB" if key in row else None
    table(
        "Event streams",
        ("memory each, 1,000 busy", f"memory each, {most:,} silent", "CPU an event"),
        {
            name: (
                kib(row, "busy_bytes"),
                kib(row, "silent_bytes"),
                f"{row['event_us']:.1f} µs" if "event_us" in row else None,
            )
            for name, row in results.items()
        },
    )


def print_start(rows):
    table(
        "Start",
        ("to the first answer", "memory before any load"),
        {
            name: (f"{row['ms']:.0f} ms", f"{row['memory'] / 2**20:.1f} MiB")
            for name, row in rows.items()
        },
    )


def print_all(results, cores):
    print(
        f"{cores} cores; each proxy has one worker on one core. Outrigger writes its\n"
        "access log and counts its metrics; the others write no log. `floor` relays bytes and reads\n"
        "nothing of them."
    )
    for section, rows in results.items():
        if section in MODE_NAMES:
            print_throughput(section, rows)
        else:
            printers = {
                "refused": print_refused,
                "latency": print_latency,
                "keyed": print_keyed,
                "cache": print_cache,
                "streams": print_streams,
                "start": print_start,
            }
            printers[section](rows)
