package canvas

import (
	"context"
	"encoding/json"

	"github.com/sparkstalk/sparkstalk/host/celery"
)

// Chunks sends a group of celery.starmap tasks of at most n items each: the
// body of celery.chunks.
func (d *Dispatcher) Chunks(ctx context.Context, task json.RawMessage, items []json.RawMessage, n int) (*Result, error) {
	g := newGroup(nil)
	for len(items) > 0 {
		part := items[:min(n, len(items))]
		items = items[len(part):]
		g.tasks = append(g.tasks, &Signature{Task: "celery.starmap", Immutable: true, Kwargs: celery.Object{
			{Key: "task", Value: task}, {Key: "it", Value: celery.AppendArray(nil, part)},
		}})
	}
	return d.Apply(ctx, g, nil)
}

// ApplyMembers sends the tasks of a group one by one, with arguments in front
// of their own: the body of celery.group.
func (d *Dispatcher) ApplyMembers(ctx context.Context, tasks []*Signature, groupID string, args []json.RawMessage) error {
	for _, t := range tasks {
		var o Options
		if groupID != "" {
			o.setText("group_id", groupID)
		}
		if _, err := d.apply(ctx, t, args, nil, o); err != nil {
			return err
		}
	}
	return nil
}

// ChordError fails the body of a chord that will not be sent, with Celery's ChordError
// of a reason and its cause.
func (d *Dispatcher) ChordError(ctx context.Context, b Backend, body *Signature, reason string, cause *celery.Exception) error {
	return d.chordError(ctx, b, body, celery.ChordError(reason), cause)
}

// StartBody sends the body of a chord with the results of its header, and fails it
// where it cannot be sent.
func (d *Dispatcher) StartBody(ctx context.Context, b Backend, body *Signature, values json.RawMessage) error {
	_, err := d.Apply(ctx, body, []json.RawMessage{values})
	if err == nil || ctx.Err() != nil {
		return err
	}
	exc := celery.ChordError("Callback error: " + reprOf(err))
	return d.chordError(ctx, b, body, exc, exc)
}
