package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/control"
	"github.com/sparkstalk/sparkstalk/host/event"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

// An ear hears what is broadcast to workers: a queue and who handles it.
type ear struct {
	queue  broker.Queue
	handle func(context.Context, broker.Delivery)
}

// openEars makes what hears other workers and remote control, and the
// connection for both; nil of what is off.
func (h *Host) openEars() (err error) {
	cfg := h.cfg
	if isTrue(cfg.Gossip) {
		if h.gossip, err = event.NewGossip(event.GossipConfig{Events: h.events, Hostname: cfg.Hostname, Apply: h.worker.Apply, Log: h.log}); err != nil {
			return err
		}
		h.ears = append(h.ears, ear{cfg.wire().GossipQueue(), h.gossip.Handle})
	}
	if isTrue(cfg.EnableRemoteControl) {
		h.control, err = control.New(control.Config{
			Mailbox: cfg.mailbox(),
			Replies: h.broker, Tasks: h.broker, Queues: h.routing.consumed, Known: h.routing.queues,
			Worker: h.worker, Events: h.events, Gossip: h.gossip, EventsForced: cfg.TaskEvents, Hostname: cfg.Hostname, Served: h.runtime.Tasks,
			Autoscaler: h.autoscaler, Settings: func(all bool) celery.Object { return settings(cfg, all) }, Broker: cfg.brokerInfo(),
			Report: h.report, Shutdown: func() { h.shutdown() }, Disabled: cfg.DisabledCommands, Log: h.log,
		})
		if err != nil {
			return err
		}
		h.ears = append(h.ears, ear{cfg.mailbox().Queue(cfg.Hostname), h.control.Handle})
	}
	if len(h.ears) == 0 {
		return nil
	}
	queues := make([]broker.Queue, len(h.ears))
	for i, e := range h.ears {
		queues[i] = e.queue
	}
	h.heard, err = openBroker(cfg, queues, cfg.Hostname+" control")
	return err
}

// isTrue is a setting that is true unless it says otherwise.
func isTrue(setting *bool) bool { return setting == nil || *setting }

// brokerInfo is what stats tell of the broker.
func (c Config) brokerInfo() control.BrokerInfo {
	options, _ := json.Marshal(c.BrokerTransportOptions) // numbers and texts
	return control.BrokerInfo{
		URL: c.Broker, Heartbeat: seconds(c.BrokerHeartbeat), ConnectTimeout: seconds(c.BrokerConnectionTimeout), TransportOptions: options, TLS: c.BrokerUseSSL.told(),
	}
}

// answer hears remote control and other workers, scales the pool and saves the
// state until ctx ends.
func (h *Host) answer(ctx context.Context) {
	var all sync.WaitGroup
	all.Go(func() { h.state.Run(ctx) })
	if h.autoscaler != nil {
		all.Go(func() { h.autoscaler.Run(ctx) })
	}
	if h.gossip != nil {
		all.Go(func() { _ = h.gossip.Run(ctx) }) // it has no errors
	}
	if h.heard != nil {
		all.Go(func() {
			// The worker goes on without it: its tasks matter more.
			if err := h.hear(ctx); err != nil {
				h.log.Error("remote control is not answered", logkey.Error, err)
			}
		})
	}
	all.Wait()
}

func (h *Host) hear(ctx context.Context) error {
	handlers := map[string]func(context.Context, broker.Delivery){}
	for _, e := range h.ears {
		handlers[e.queue.Name] = e.handle
	}
	err := h.heard.Run(ctx, func(d broker.Delivery) { handlers[d.Queue](ctx, d) })
	err = errors.Join(err, h.heard.Close())
	if h.control != nil {
		h.control.Wait()
	}
	return err
}

// mingle asks the workers that run already for what they know: which tasks are
// revoked, and the time of the clock. Nobody need answer.
func (h *Host) mingle(ctx context.Context) {
	var ids []json.RawMessage
	for _, r := range h.revoked.List() {
		ids = append(ids, celery.Quote(r.ID))
	}
	ctx, cancel := context.WithTimeout(ctx, 10*mingleTimeout)
	defer cancel()
	replies, err := control.Broadcast{
		Mailbox: h.cfg.mailbox(), Method: "hello", Timeout: mingleTimeout, Clock: h.events.Clock().Forward(),
		Arguments: celery.Object{{Key: "from_node", Value: celery.Quote(h.cfg.Hostname)}, {Key: "revoked", Value: celery.AppendArray(nil, ids)}},
	}.Send(ctx, h.opener("mingle"))
	if err != nil {
		if ctx.Err() == nil {
			h.log.Warn("other workers were not asked what they know", logkey.Error, err)
		}
		return
	}
	for _, r := range replies {
		if r.Node == h.cfg.Hostname {
			continue
		}
		known, err := celery.Members(r.Value)
		if err != nil {
			continue // an error of its own
		}
		list, err := celery.Elements(known.Get("revoked"))
		if err != nil {
			continue
		}
		for _, id := range list {
			if s, ok := celery.Text(id); ok {
				h.revoked.Add(s)
			}
		}
		var clock int64
		if json.Unmarshal(known.Get("clock"), &clock) == nil {
			h.events.Clock().Adjust(clock)
		}
		h.log.Info("synced with a worker", logkey.Address, r.Node, logkey.Count, len(list))
	}
}

// mingleTimeout is how long other workers have to answer, as with Celery.
const mingleTimeout = time.Second

func (h *Host) opener(what string) func(broker.Queue) (broker.Broker, error) {
	return func(q broker.Queue) (broker.Broker, error) {
		return openBroker(h.cfg, []broker.Queue{q}, h.cfg.Hostname+" "+what)
	}
}

// Broadcast sends a remote control request to the workers of cfg's broker, of
// every kind, and returns their replies.
func Broadcast(ctx context.Context, cfg Config, b control.Broadcast) ([]celery.Reply, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	b.Mailbox = cfg.mailbox()
	return b.Send(ctx, func(q broker.Queue) (broker.Broker, error) {
		return openBroker(cfg, []broker.Queue{q}, "sparkstalk "+b.Method)
	})
}

// celeryNames are the settings that Celery has under another name.
var celeryNames = map[string]string{
	"broker": "broker_url", "concurrency": "worker_concurrency", "prefetch_multiplier": "worker_prefetch_multiplier",
	"task_events": "worker_send_task_events", "statedb": "worker_state_db",
}

// settings are the configuration in Celery's words. Passwords are masked. Those
// at their default are left out unless all are wanted.
func settings(cfg Config, all bool) celery.Object {
	var out celery.Object
	v := reflect.ValueOf(cfg)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if name == "" || name == "-" || slices.Contains(slices.Collect(maps.Values(celeryNames)), name) || name == "broker_read_url" || name == "broker_write_url" || !all && v.Field(i).IsZero() {
			continue
		}
		told := v.Field(i).Interface()
		switch name {
		case "accept_content":
			told = celery.SerializerNames(cfg.AcceptContent)
		case "enable_utc", "control_queue_exclusive", "event_queue_exclusive", "worker_enable_remote_control":
			if p, _ := told.(*bool); p == nil {
				told = true
			}
		}
		value, err := json.Marshal(told)
		if err != nil {
			continue
		}
		if s, ok := celery.Text(value); ok {
			value = celery.Quote(maskLikeCelery(s))
		}
		if secret(name) {
			value = celery.Quote("********")
		}
		if renamed, ok := celeryNames[name]; ok {
			name = renamed
		}
		out = append(out, celery.Member{Key: name, Value: value})
	}
	slices.SortFunc(out, func(a, b celery.Member) int { return strings.Compare(a.Key, b.Key) })
	return out
}

// secret reports whether a setting's name says that its value must not be told.
func secret(name string) bool {
	for _, word := range []string{"token", "secret", "password", "signature", "private_key"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// maskLikeCelery hides the passwords of URLs as kombu does.
func maskLikeCelery(s string) string {
	if !strings.Contains(s, "://") {
		return s
	}
	return strings.ReplaceAll(mask(s), ":xxxxx@", ":********@")
}

// report is what one wants to know of a worker in a bug report.
func (h *Host) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nsoftware -> sparkstalk:%s go:%s\nplatform -> system:%s arch:%s\n", Version, strings.TrimPrefix(runtime.Version(), "go"), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(&b, "engine   -> %s at %s\n", h.runtime.engine.Name(), h.runtime.engine.Remote())
	fmt.Fprintf(&b, "settings -> transport:%s results:%s\n\n", schemeOf(h.cfg.Broker), schemeOf(h.cfg.ResultBackend))
	for _, m := range settings(h.cfg, false) {
		fmt.Fprintf(&b, "%s: %s\n", m.Key, celery.Repr(m.Value))
	}
	return b.String()
}

// autoscaled is the autoscaler of Celery's --autoscale; nil for none.
func autoscaled(w *worker.Worker, spec string) (*worker.Autoscaler, error) {
	if spec == "" {
		return nil, nil
	}
	most, least, err := parseAutoscale(spec)
	if err != nil {
		return nil, err
	}
	return worker.NewAutoscaler(w, least, most)
}

// parseAutoscale reads --autoscale as Celery does: two numbers in either order, or
// the greater alone.
func parseAutoscale(spec string) (most, least int, err error) {
	first, second, both := strings.Cut(spec, ",")
	most, err = strconv.Atoi(strings.TrimSpace(first))
	if both && err == nil {
		least, err = strconv.Atoi(strings.TrimSpace(second))
	}
	most, least = max(most, least), min(most, least)
	if err != nil || least < 0 || most < 1 {
		return 0, 0, fmt.Errorf("setting autoscale is %q: give MAX or MAX,MIN, such as 10,3", spec)
	}
	return most, least, nil
}
