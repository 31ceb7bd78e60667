import pytest
from django.contrib.auth import get_user_model

from shop.models import Customer


@pytest.mark.django_db
def test_admin_lists_customers(client):
    admin = get_user_model().objects.create_superuser("root", "root@example.org", "pw")
    client.force_login(admin)
    Customer.objects.create(name="Ada", email="ada@example.org")
    page = client.get("/admin/shop/customer/")
    assert page.status_code == 200
    assert b"ada@example.org" in page.content
