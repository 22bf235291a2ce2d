"""A step of logging in beside allauth's own."""

from allauth.account.stages import LoginStage
from django.http import HttpResponse
from django.shortcuts import render


class AdmissionStage(LoginStage):
    """Whether an account was let in, where a manager looks at each: after its address is proven."""

    key = "admission"

    def handle(self) -> tuple[HttpResponse | None, bool]:
        if not self.login.user.waiting:
            return None, True
        return render(self.request, "account/waiting.html", status=403), False
