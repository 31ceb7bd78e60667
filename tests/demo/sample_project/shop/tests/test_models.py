from decimal import Decimal

import pytest

from shop.models import Customer
from shop.services import import_orders, place_order


@pytest.mark.django_db
def test_customer_is_shown_by_name():
    customer = Customer.objects.create(name="Ada", email="ada@example.org")
    assert str(customer) == "Ada"


@pytest.mark.django_db
def test_total_adds_up_the_orders():
    customer = Customer.objects.create(name="Ada", email="ada@example.org")
    place_order(customer, "10.00")
    rows = [(customer.email, "2.50"), (customer.email, "?"), ("bob@example.org", "9")]
    assert import_orders(rows, verbose=True) == 1
    assert customer.total() == Decimal("12.50")


@pytest.mark.django_db
def test_total_of_a_new_customer_is_zero():
    customer = Customer.objects.create(name="Ada", email="ada@example.org")
    assert customer.total() == Decimal("0")
