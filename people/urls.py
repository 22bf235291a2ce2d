from django.urls import include, path

from people.views import notices, profile, users

urlpatterns = [
    path("accounts/profile/", profile.Profile.as_view(), name="account_profile"),
    path("accounts/notifications/", notices.NoticeSettings.as_view(), name="account_notices"),
    path("notifications/", notices.Notifications.as_view(), name="notifications"),
    path("accounts/alive/", profile.SessionAlive.as_view(), name="session_alive"),
    path("accounts/delete/", profile.DeleteAccount.as_view(), name="account_delete"),
    path("accounts/", include("allauth.account.urls")),
    path("accounts/two-factor/", include("allauth.mfa.urls")),
    path("accounts/sessions/", include("allauth.usersessions.urls")),
    path("i18n/setlang/", profile.set_language, name="set_language"),
    path("users/", users.UserList.as_view(), name="users"),
    path("users/columns/", users.Columns.as_view(list_view=users.UserList), name="users_columns"),
    path("users/new/", users.UserCreate.as_view(), name="user_create"),
    path("users/<int:pk>/avatar/", profile.Avatar.as_view(), name="user_avatar"),
    path("users/<int:pk>/allowance/", users.UserAllowance.as_view(), name="user_allowance"),
    path("users/<int:pk>/block/", users.UserBlock.as_view(), name="user_block"),
    path("users/<int:pk>/admit/", users.UserAdmit.as_view(), name="user_admit"),
    path("users/<int:pk>/unblock/", users.UserUnblock.as_view(), name="user_unblock"),
    path("users/<int:pk>/edit/", users.UserEdit.as_view(), name="user_edit"),
    path("users/<int:pk>/delete/", users.UserDelete.as_view(), name="user_delete"),
    path("audit/", users.AuditTrail.as_view(), name="audit"),
    path("audit/columns/", users.Columns.as_view(list_view=users.AuditTrail), name="audit_columns"),
]
