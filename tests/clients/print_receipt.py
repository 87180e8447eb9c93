"""Prints one receipt with python-escpos: `print_receipt.py HOST PORT`. Ends with 1 when the printer does not answer."""

import sys

from escpos.printer import Network
from PIL import Image

WIDTH = 42


def row(left, right):
    return left + right.rjust(WIDTH - len(left)) + "\n"


def main(host, port):
    printer = Network(host, port=int(port), timeout=10)
    if not printer.is_online():
        sys.exit("the printer does not say that it is online")
    printer.set(align="center", bold=True, double_height=True)
    printer.image(Image.new("1", (64, 48)), impl="bitImageRaster")
    printer.textln("CAFÉ MAPLE")
    printer.set(align="left", bold=False, normal_textsize=True)
    printer.text(row("Ticket #: 20771", "Register 2"))
    printer.text(row("11/14/2026 10:32 AM", "Rep: Zoë"))
    printer.text("-" * WIDTH + "\n")
    printer.text("TASSE-1 Tasse en grès\n" + row("  2 @ 14.50", "29.00"))
    printer.text("MUG-GRN Enamel mug - Green\n" + row("  1 @ 49.00", "49.00"))
    printer.text("-" * WIDTH + "\n")
    printer.text(row("Subtotal", "78.00") + row("State Tax 6.25%", "4.88"))
    printer.set(bold=True, double_height=True)
    printer.text(row("TOTAL", "82.88"))
    printer.set(bold=False, normal_textsize=True)
    printer.text(row("Cash", "100.00") + row("Change", "-17.12"))
    printer.barcode("{B20771", "CODE128", function_type="B")
    printer.qr("https://example.test/r/20771", native=True)
    printer.cashdraw(2)
    printer.cut()
    printer.close()


main(sys.argv[1], sys.argv[2])
