package control

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/worker"
)

func (n *Node) revoke(ctx context.Context, a arguments) (json.RawMessage, error) {
	if err := a.need("task_id"); err != nil {
		return nil, err
	}
	ids, err := a.texts("task_id")
	if err != nil {
		return nil, err
	}
	ids = unique(ids)
	s, err := signalOf(a)
	if err != nil && a.bool("terminate") {
		return nil, err
	}
	n.Worker.Revoke(ctx, ids...)
	if !a.bool("terminate") {
		n.Log.Info("tasks flagged as revoked", logkey.TaskID, strings.Join(ids, ", "))
		return ok("tasks " + setRepr(ids) + " flagged as revoked"), nil
	}
	ended := n.Worker.Terminate(s, ids...)
	if len(ended) == 0 {
		return ok("terminate: tasks unknown"), nil
	}
	return ok("terminate: " + strings.Join(ended, ", ")), nil
}

// signalOf reads the argument signal, a name or a number.
func signalOf(a arguments) (worker.Signal, error) {
	text, isText := celery.Text(a.Get("signal"))
	if raw := a.Get("signal"); !isText && !celery.IsNull(raw) {
		text = string(raw)
	}
	s, err := worker.ParseSignal(text)
	if err != nil {
		return s, raise("AttributeError", "module 'signal' has no attribute "+celery.Repr(celery.Quote(text)))
	}
	return s, nil
}

func (n *Node) terminate(ctx context.Context, a arguments) (json.RawMessage, error) {
	if err := a.need("signal", "task_id"); err != nil {
		return nil, err
	}
	a.Object = append(slices.Clip(a.Object), celery.Member{Key: "terminate", Value: json.RawMessage("true")})
	return n.revoke(ctx, a)
}

func (n *Node) revokeStamped(_ context.Context, a arguments) (json.RawMessage, error) {
	if err := a.need("headers"); err != nil {
		return nil, err
	}
	s, err := signalOf(a)
	if err != nil {
		return nil, err
	}
	raw := a.Get("headers")
	if raw[0] == '[' { // key=value, as the command line sends it
		pairs, err := texts(raw)
		if err != nil {
			return nil, err
		}
		var o celery.Object
		for _, p := range pairs {
			key, value, found := strings.Cut(p, "=")
			if !found {
				return nil, exception{"IndexError('list index out of range')"}
			}
			o = append(o, celery.Member{Key: key, Value: celery.Quote(value)})
		}
		raw = o.Append(nil)
	}
	members, err := celery.Members(raw)
	if err != nil {
		return nil, raise("AttributeError", "'str' object has no attribute 'items'")
	}
	stamps := map[string][]string{}
	for _, m := range members {
		stamps[m.Key] = worker.StampValues(celery.HeaderValue(m.Value))
	}
	n.Worker.Revoked.AddStamps(stamps)
	text := celery.Repr(raw)
	if !a.bool("terminate") {
		return ok("headers " + text + " flagged as revoked, but not terminated"), nil
	}
	found := n.Worker.TerminateStamped(s, stamps)
	if len(found) == 0 {
		return ok("headers " + text + " were not terminated"), nil
	}
	var parts []string
	for _, m := range members {
		if values := found[m.Key]; len(values) > 0 {
			parts = append(parts, celery.Repr(celery.Quote(m.Key))+": "+setRepr(values))
		}
	}
	return ok("headers defaultdict(<class 'set'>, {" + strings.Join(parts, ", ") + "}) revoked"), nil
}
