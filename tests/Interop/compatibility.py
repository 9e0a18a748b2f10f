"""Writes the table of operations, clients and results from a test report: compatibility.py ROWS.txt REPORT.xml..."""
import fnmatch
import sys
import xml.etree.ElementTree as ET


def short(name):
    return name.removeprefix("Homeport.Tests.Interop.")


def main(rows, *reports):
    # A later report says how a test ended that ran once more.
    last = {t.get("name"): t for report in reports for t in ET.parse(report).iter("test")}
    tests = [(short(t.get("type", "")) + "." + t.get("method", ""), t.get("result")) for t in last.values()]
    print("# Compatibility\n")
    print("Operations that unmodified clients were seen doing in the last whole run of the tests. `./test` makes this table;")
    print("`tests/Interop/compatibility.txt` names the tests behind each row.\n")
    print("| operation | client | result |\n|---|---|---|")
    missing = []
    for line in open(rows, encoding="utf-8"):
        if not line.strip() or line.startswith("#"):
            continue
        operation, client, pattern = (part.strip() for part in line.split("|"))
        results = [result for name, result in tests if fnmatch.fnmatchcase(name, pattern)]
        if not results:
            missing.append(pattern)
        result = "works" if results and all(r == "Pass" for r in results) else "FAILS" if results else "not tested"
        print(f"| {operation} | {client} | {result} |")
    if missing:
        sys.exit("no test fits: " + ", ".join(missing))


main(*sys.argv[1:])
