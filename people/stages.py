"""A further step of logging in."""

from allauth.account.stages import LoginStage
from django.http import HttpResponse
from django.shortcuts import render


class AdmissionStage(LoginStage):
    """Whether a manager has approved the account, where each is reviewed: after its address is confirmed."""

    key = "admission"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        if not self.login.user.waiting:
            return None, True
        return render(self.request, "account/waiting.html", status=403), False
