"""`manage.py seed FOLDER`: categories.json, products.csv and users.csv as `bench compare` writes them."""
import csv
import json
from pathlib import Path

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand

from shop.models import Category, Product


class Command(BaseCommand):
    def add_arguments(self, parser):
        parser.add_argument("folder", type=Path)

    def handle(self, *args, folder, **options):
        rows = json.loads((folder / "categories.json").read_text())
        categories = Category.objects.bulk_create(
            Category(name=row["name"], slug=row["id"], description=row["description"]) for row in rows
        )
        by_name = {category.name: category for category in categories}
        with (folder / "products.csv").open(newline="") as lines:
            Product.objects.bulk_create(
                (
                    Product(
                        category=by_name[row["category"]],
                        sku=row["sku"],
                        name=row["name"],
                        description=row["description"],
                        price=row["price"],
                        stock=int(row["stock"]),
                    )
                    for row in csv.DictReader(lines)
                ),
                batch_size=1000,
            )
        with (folder / "users.csv").open(newline="") as lines:
            users = list(csv.DictReader(lines))
        # All have the same password, and a hash takes a while.
        hashes = {user["password"]: make_password(user["password"]) for user in users}
        User.objects.bulk_create(
            User(username=user["email"], email=user["email"], password=hashes[user["password"]]) for user in users
        )
