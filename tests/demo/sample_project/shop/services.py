"""What the shop does with its customers and orders."""

import sys
from decimal import Decimal, InvalidOperation

from .models import Customer, Order


def place_order(customer, amount):
    """Take an order; what is no amount is refused."""
    try:
        value = Decimal(amount)
    except InvalidOperation as error:
        print(f"Could not read the amount {amount!r}:", error, file=sys.stderr)
        return None
    order = Order.objects.create(customer=customer, amount=value)
    print("Order", order.pk, "for", order.amount, "euros")
    return order


def import_orders(rows, verbose=False):
    """Take orders from (email, amount) rows; return how many were taken."""
    print("-" * 40)
    taken = 0
    for email, amount in rows:
        customer = Customer.objects.filter(email=email).first()
        if customer is None:
            print("Warning: no customer has the address", email)
            continue
        if verbose:
            print(f"{customer}: {amount:>10}")
        taken += place_order(customer, amount) is not None
    print(f"Took {taken} of {len(rows)} orders, {taken / max(len(rows), 1):.0%}")
    return taken


if __name__ == "__main__":
    print("Import this module; it is no program.")
