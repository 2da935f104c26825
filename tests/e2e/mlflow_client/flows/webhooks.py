"""Webhooks by the stock client: made, shown, listed, changed, deleted, and what is refused."""

from __future__ import annotations

from mlflow import MlflowClient
from scenario import new_name, refusal, scenario

# A public address: no name has to be resolved, and nothing is called before an event.
URL = "https://8.8.8.8/hook"


def shown(webhook):
    return {
        "name": webhook.name,
        "url": webhook.url,
        "events": sorted(str(event) for event in webhook.events),
        "status": str(webhook.status),
        "description": webhook.description,
        "secret": webhook.secret,
    }


@scenario
def life_of_a_webhook():
    client = MlflowClient()
    name = new_name("hook")
    made = client.create_webhook(
        name=name,
        url=URL,
        events=["model_version.created", "model_version_alias.deleted"],
        description="tells",
        secret="canary",
    )
    found = client.get_webhook(made.webhook_id)
    changed = client.update_webhook(made.webhook_id, name=f"{name} 2", status="DISABLED")
    listed = [one.webhook_id for one in client.list_webhooks(max_results=100)]
    client.delete_webhook(made.webhook_id)
    return {
        "name": name,
        "found": shown(found),
        "changed": shown(changed),
        "is_listed": made.webhook_id in listed,
        "after_delete": refusal(lambda: client.get_webhook(made.webhook_id)),
    }


@scenario
def urls_that_lead_inside():
    client = MlflowClient()

    def create(url):
        return refusal(
            lambda: client.create_webhook(
                name=new_name("hook"), url=url, events=["model_version.created"]
            )
        )

    return [create(url) for url in ("https://127.0.0.1/", "http://8.8.8.8/", "https://10.0.0.1/")]
