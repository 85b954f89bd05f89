from django.urls import include, path
from rest_framework.authtoken.views import obtain_auth_token
from rest_framework.routers import DefaultRouter

from .views import CartItemsView, OrdersView, ProductViewSet

router = DefaultRouter()
router.register("products", ProductViewSet)

urlpatterns = [
    path("api/", include(router.urls)),
    path("api/login/", obtain_auth_token),
    path("api/cart/items/", CartItemsView.as_view()),
    path("api/orders/", OrdersView.as_view()),
]
