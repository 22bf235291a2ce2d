from django.urls import path

from mailer.views import clients, groups, messages, unsubscribe

urlpatterns = [
    path("clients/", clients.ClientList.as_view(), name="clients"),
    path("clients/new/", clients.ClientCreate.as_view(), name="client_create"),
    path("clients/to-group/", clients.ClientsToGroup.as_view(), name="clients_to_group"),
    path("clients/<int:pk>/edit/", clients.ClientEdit.as_view(), name="client_edit"),
    path("clients/<int:pk>/delete/", clients.ClientDelete.as_view(), name="client_delete"),
    path("groups/", groups.GroupList.as_view(), name="groups"),
    path("groups/new/", groups.GroupCreate.as_view(), name="group_create"),
    path("groups/<int:pk>/", groups.GroupDetail.as_view(), name="group_detail"),
    path("groups/<int:pk>/edit/", groups.GroupEdit.as_view(), name="group_edit"),
    path("groups/<int:pk>/delete/", groups.GroupDelete.as_view(), name="group_delete"),
    path("groups/<int:pk>/clients/<int:client>/remove/", groups.GroupRemove.as_view(), name="group_remove"),
    path("messages/", messages.MessageList.as_view(), name="messages"),
    path("messages/new/", messages.MessageCreate.as_view(), name="message_create"),
    path("messages/<int:pk>/edit/", messages.MessageEdit.as_view(), name="message_edit"),
    path("messages/<int:pk>/delete/", messages.MessageDelete.as_view(), name="message_delete"),
    path("messages/<int:pk>/preview/", messages.MessagePreview.as_view(), name="message_preview"),
    path(
        "messages/<int:pk>/preview/html/", messages.MessagePreviewHtml.as_view(), name="message_preview_html"
    ),
    path("messages/<int:pk>/test/", messages.MessageTest.as_view(), name="message_test"),
    path("u/<str:token>/", unsubscribe.unsubscribe, name="unsubscribe"),
]
