import django_filters
from django.db import transaction
from django.db.models import prefetch_related_objects
from django.shortcuts import get_object_or_404
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from .models import Cart, CartItem, Order, OrderItem, Product
from .serializers import (
    AddItemSerializer,
    CartSerializer,
    OrderSerializer,
    PlaceOrderSerializer,
    ProductSerializer,
)


class OutOfStock(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "out_of_stock"
    default_detail = "out_of_stock"


class ProductFilter(django_filters.FilterSet):
    category = django_filters.CharFilter(field_name="category__slug")
    min_price = django_filters.NumberFilter(field_name="price", lookup_expr="gte")
    max_price = django_filters.NumberFilter(field_name="price", lookup_expr="lte")

    class Meta:
        model = Product
        fields = []


class ProductViewSet(ReadOnlyModelViewSet):
    queryset = Product.objects.select_related("category")
    serializer_class = ProductSerializer
    filterset_class = ProductFilter
    search_fields = ["name", "description"]
    ordering_fields = ["price", "created_at", "name"]


class CartItemsView(APIView):
    permission_classes = [IsAuthenticated]

    def post(self, request):
        body = AddItemSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        with transaction.atomic():
            product = get_object_or_404(Product, pk=body.validated_data["product_id"])
            cart, _ = Cart.objects.get_or_create(user=request.user)
            item, _ = CartItem.objects.select_for_update().get_or_create(
                cart=cart, product=product, defaults={"quantity": 0}
            )
            item.quantity += body.validated_data["quantity"]
            if item.quantity > product.stock:
                raise OutOfStock()
            item.save(update_fields=["quantity"])
        prefetch_related_objects([cart], "items__product")
        return Response(CartSerializer(cart).data, status=status.HTTP_201_CREATED)

    def delete(self, request):
        CartItem.objects.filter(cart__user=request.user).delete()
        return Response(status=status.HTTP_204_NO_CONTENT)


class OrdersView(APIView):
    permission_classes = [IsAuthenticated]

    def post(self, request):
        body = PlaceOrderSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        with transaction.atomic():
            cart = get_object_or_404(Cart.objects.select_for_update(), user=request.user)
            items = list(cart.items.all())
            if not items:
                raise ValidationError({"cart": ["The cart is empty."]})
            # In one order for everybody, so that two carts cannot wait for each other.
            products = Product.objects.select_for_update().filter(pk__in=[item.product_id for item in items])
            products = {product.pk: product for product in products.order_by("pk")}
            total = 0
            for item in items:
                product = products[item.product_id]
                if product.stock < item.quantity:
                    raise OutOfStock()
                product.stock -= item.quantity
                total += product.price * item.quantity
            Product.objects.bulk_update(products.values(), ["stock"])
            order = Order.objects.create(
                user=request.user, shipping_address=body.validated_data["shipping_address"], total=total
            )
            OrderItem.objects.bulk_create(
                OrderItem(
                    order=order,
                    product=products[item.product_id],
                    name=products[item.product_id].name,
                    price=products[item.product_id].price,
                    quantity=item.quantity,
                )
                for item in items
            )
            cart.items.all().delete()
        prefetch_related_objects([order], "items")
        return Response(OrderSerializer(order).data, status=status.HTTP_201_CREATED)
