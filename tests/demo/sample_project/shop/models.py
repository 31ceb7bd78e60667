from decimal import Decimal

from django.db import models


class Customer(models.Model):
    name = models.CharField(max_length=100)
    email = models.EmailField(unique=True)
    joined = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]

    def __str__(self):
        return self.name

    def total(self):
        """Return what the customer has ordered for, in euros."""
        return sum((order.amount for order in self.orders.all()), Decimal("0"))


class Order(models.Model):
    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, related_name="orders"
    )
    amount = models.DecimalField(max_digits=8, decimal_places=2)
    placed = models.DateTimeField(auto_now_add=True)

    def __str__(self):
        return f"{self.customer}: {self.amount}"
