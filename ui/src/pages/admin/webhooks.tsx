import { queryOptions, useQuery, useQueryClient } from "@tanstack/react-query"
import { useState, type ReactNode } from "react"
import { useRefusals } from "../../api/capabilities"
import { call } from "../../api/client"
import { useRefetchInterval } from "../../api/live"
import { PageBody } from "../../components/PageBody"
import styles from "../../components/registry/registry.module.css"
import { duration } from "../../lib/format"
import { Badge, type Tone } from "../../ui/Badge"
import { Button } from "../../ui/Button"
import { Card } from "../../ui/Card"
import { ConfirmDialog, Dialog } from "../../ui/Dialog"
import { Checkbox, Field } from "../../ui/Field"
import { EmptyState, FailedState, Skeleton } from "../../ui/States"
import { Table } from "../../ui/Table"
import { TimeAgo } from "../../ui/Time"
import { toast } from "../../ui/Toast"

/** The events that people ask for most; scripts may ask for all. */
const EVENTS = [
  ["REGISTERED_MODEL", "CREATED"],
  ["MODEL_VERSION", "CREATED"],
  ["MODEL_VERSION", "TRANSITIONED"],
  ["MODEL_VERSION_ALIAS", "CREATED"],
  ["TRANSITION_REQUEST", "CREATED"],
  ["TRANSITION_REQUEST", "APPROVED"],
  ["RUN", "ENDED"],
  ["EXPERIMENT", "CREATED"],
] as const

const words = (entity: string, action: string) =>
  `${entity.replaceAll("_", " ")} ${action}`.toLowerCase()

const webhooksQuery = () =>
  queryOptions({
    queryKey: ["webhooks"],
    queryFn: async ({ signal }) =>
      (await call("listWebhooks", { max_results: 100 }, { signal })).webhooks ?? [],
  })

const deliveriesQuery = (webhook_id: string) =>
  queryOptions({
    queryKey: ["webhooks", webhook_id, "deliveries"],
    queryFn: async ({ signal }) =>
      (await call("listWebhookDeliveries", { webhook_id, max_results: 100 }, { signal }))
        .deliveries ?? [],
  })

export function WebhooksSection({ sections }: { sections: ReactNode }) {
  const client = useQueryClient()
  const webhooks = useQuery(webhooksQuery())
  const why = useRefusals({})("createWebhook")
  const [chosen, setChosen] = useState<string | null>(null)
  const [isNew, setNew] = useState(false)
  const [leaving, setLeaving] = useState<string | null>(null)
  if (webhooks.isLoadingError) {
    return <FailedState error={webhooks.error} onRetry={() => void webhooks.refetch()} />
  }
  if (webhooks.isPending) return <Skeleton />
  const refresh = () => client.invalidateQueries({ queryKey: ["webhooks"] })
  const act = async (done: string, failed: string, run: () => Promise<unknown>) => {
    try {
      await run()
      toast.done(done)
    } catch (error) {
      toast.failed(failed, error)
    }
    await refresh()
  }
  const shown = webhooks.data.find(({ webhook_id }) => webhook_id === chosen)
  return (
    <PageBody
      title="Admin"
      actions={
        <Button variant="primary" icon="plus" disabledBecause={why} onClick={() => setNew(true)}>
          New webhook
        </Button>
      }
    >
      {sections}
      {webhooks.data.length === 0 ? (
        <EmptyState
          icon="link"
          title="No webhooks yet"
          hint={why ?? "A webhook is told of events by an HTTP POST."}
        />
      ) : (
        <Card title="Receivers">
          <Table caption="Webhooks" head={["Name", "Address", "Events", "State", ""]}>
            {webhooks.data.map(({ webhook_id, name, url, events = [], status }) => (
              <tr key={webhook_id}>
                <td data-wrap="">{name}</td>
                <td className={styles.mono}>{url}</td>
                <td data-wrap="">
                  {events.map(({ entity, action }) => words(entity, action)).join(", ")}
                </td>
                <td>
                  <Badge tone={status === "ACTIVE" ? "good" : "plain"} dot>
                    {status?.toLowerCase()}
                  </Badge>
                </td>
                <td>
                  <span className={styles.row}>
                    <Button
                      size="s"
                      aria-pressed={chosen === webhook_id}
                      onClick={() => setChosen(webhook_id)}
                    >
                      Deliveries
                    </Button>
                    <Button
                      size="s"
                      onClick={() =>
                        void act(
                          status === "ACTIVE" ? `${name} is silent` : `${name} is told again`,
                          "It is as it was",
                          () =>
                            call("updateWebhook", {
                              webhook_id,
                              status: status === "ACTIVE" ? "DISABLED" : "ACTIVE",
                            }),
                        )
                      }
                    >
                      {status === "ACTIVE" ? "Disable" : "Enable"}
                    </Button>
                    <Button
                      size="s"
                      variant="quiet"
                      icon="trash"
                      onClick={() => setLeaving(webhook_id)}
                    >
                      Delete
                    </Button>
                  </span>
                </td>
              </tr>
            ))}
          </Table>
        </Card>
      )}
      {shown && <Deliveries webhook={shown.webhook_id} name={shown.name} />}
      {isNew && <NewWebhook onClose={() => setNew(false)} onDone={() => void refresh()} />}
      <ConfirmDialog
        open={leaving !== null}
        onClose={() => setLeaving(null)}
        onConfirm={() => {
          const webhook_id = leaving ?? ""
          setLeaving(null)
          // Its deliveries go with it: nobody asks for them any more.
          if (chosen === webhook_id) setChosen(null)
          void act("The webhook is deleted", "It is still there", () =>
            call("deleteWebhook", { webhook_id }),
          )
        }}
        title="Delete the webhook?"
        text="Its log of deliveries goes with it."
        action="Delete"
      />
    </PageBody>
  )
}

const TONES: Record<string, Tone> = { DELIVERED: "good", FAILED: "bad", WAITING: "info" }

function Deliveries({ webhook, name }: { webhook: string; name: string }) {
  const client = useQueryClient()
  const interval = useRefetchInterval(3_000)
  const deliveries = useQuery({ ...deliveriesQuery(webhook), refetchInterval: interval })
  const replay = async (delivery_id: string) => {
    try {
      await call("replayWebhookDelivery", { webhook_id: webhook, delivery_id })
      toast.done("It is sent once more")
    } catch (error) {
      toast.failed("It was not sent", error)
    }
    await client.invalidateQueries({ queryKey: ["webhooks", webhook] })
  }
  return (
    <Card title={`Deliveries to ${name}`}>
      {deliveries.isLoadingError && (
        <FailedState error={deliveries.error} onRetry={() => void deliveries.refetch()} isInline />
      )}
      {deliveries.isPending && <Skeleton lines={4} />}
      {deliveries.data?.length === 0 && <EmptyState isInline title="Nothing was sent yet" />}
      {deliveries.data && deliveries.data.length > 0 && (
        <Table
          caption="Deliveries"
          head={["State", "Event", "When", "Tries", "Answer", "Took", ""]}
        >
          {deliveries.data.map((one) => (
            <tr key={one.delivery_id} data-delivery={one.state}>
              <td>
                <Badge tone={TONES[one.state] ?? "plain"} dot>
                  {one.state.toLowerCase()}
                </Badge>
              </td>
              <td>{one.event}</td>
              <td>
                <TimeAgo at={one.created_ms} />
              </td>
              <td className="number">{one.attempts ?? 0}</td>
              <td data-wrap="">{one.problem ?? one.response_status ?? "–"}</td>
              <td>{one.took_ms === undefined ? "–" : duration(one.took_ms)}</td>
              <td>
                <Button
                  size="s"
                  icon="refresh"
                  disabledBecause={one.state === "WAITING" && "It waits to be sent."}
                  onClick={() => void replay(one.delivery_id)}
                >
                  Replay
                </Button>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  )
}

function NewWebhook({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const [name, setName] = useState("")
  const [url, setUrl] = useState("")
  const [secret, setSecret] = useState("")
  const [events, setEvents] = useState<readonly number[]>([1])
  const [isBusy, setBusy] = useState(false)
  const [error, setError] = useState<string | null>(null)
  const create = async () => {
    setBusy(true)
    try {
      await call("createWebhook", {
        name,
        url,
        secret: secret || undefined,
        events: events.flatMap((at) => {
          const event = EVENTS[at]
          return event ? [{ entity: event[0], action: event[1] }] : []
        }),
      })
      toast.done(`${name} is told from now on`)
      onDone()
      onClose()
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure))
    } finally {
      setBusy(false)
    }
  }
  return (
    <Dialog
      open
      onClose={onClose}
      title="New webhook"
      text="The address has to be public and https, unless the operator allows others."
      foot={
        <>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            variant="primary"
            disabledBecause={
              isBusy
                ? "It is being made."
                : !name.trim() || !url.trim() || events.length === 0
                  ? "It needs a name, an address and an event."
                  : false
            }
            onClick={() => void create()}
          >
            Create
          </Button>
        </>
      }
    >
      <Field label="Name" value={name} onChange={setName} autoFocus />
      <Field
        label="Address"
        value={url}
        onChange={setUrl}
        placeholder="https://ci.example.com/hooks"
        error={error}
      />
      <Field
        label="Secret"
        value={secret}
        onChange={setSecret}
        type="password"
        autoComplete="new-password"
        hint="Signs what is sent; it is never shown again."
      />
      <fieldset style={{ border: 0, padding: 0, margin: 0 }}>
        <legend className={styles.muted}>Events</legend>
        {EVENTS.map(([entity, action], at) => (
          <div key={words(entity, action)}>
            <Checkbox
              label={words(entity, action)}
              checked={events.includes(at)}
              onChange={(on) =>
                setEvents(on ? [...events, at] : events.filter((one) => one !== at))
              }
            />
          </div>
        ))}
      </fieldset>
    </Dialog>
  )
}
