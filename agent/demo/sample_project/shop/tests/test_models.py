from decimal import Decimal

import pytest

from shop.models import Customer, Order


@pytest.mark.django_db
def test_customer_is_shown_by_name():
    customer = Customer.objects.create(name="Ada", email="ada@example.org")
    assert str(customer) == "Ada"


@pytest.mark.django_db
def test_total_adds_up_the_orders():
    customer = Customer.objects.create(name="Ada", email="ada@example.org")
    Order.objects.create(customer=customer, amount=Decimal("10.00"))
    Order.objects.create(customer=customer, amount=Decimal("2.50"))
    assert customer.total() == Decimal("12.50")


@pytest.mark.django_db
def test_total_of_a_new_customer_is_zero():
    customer = Customer.objects.create(name="Ada", email="ada@example.org")
    assert customer.total() == Decimal("0")
