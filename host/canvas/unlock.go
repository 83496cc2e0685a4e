package canvas

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/result"
)

// sendUnlock sends the task that starts a chord's body once its header has ended:
// Celery's fallback_chord_unlock.
func (d *Dispatcher) sendUnlock(ctx context.Context, group string, body *Signature, header *Result) error {
	var list []json.RawMessage
	for _, r := range header.Children {
		list = append(list, r.Tuple())
	}
	var interval json.RawMessage
	if d.UnlockEvery > 0 {
		interval = strconv.AppendFloat(nil, d.UnlockEvery.Seconds(), 'f', -1, 64)
	}
	kwargs := celery.Object{
		{Key: "interval", Value: orNull(interval)}, {Key: "max_retries", Value: json.RawMessage("null")}, {Key: "result", Value: celery.AppendArray(nil, list)},
	}
	options := celery.Object{{Key: "countdown", Value: json.RawMessage("1")}}
	for _, name := range []string{"queue", "exchange", "routing_key", "priority"} {
		if v := body.Options.get(name); v != nil {
			options = append(options, celery.Member{Key: name, Value: v})
		}
	}
	_, err := d.Call(ctx, "celery.chord_unlock", celery.AppendArray(nil, []json.RawMessage{celery.Quote(group), body.Append(nil)}),
		kwargs.Append(nil), options.Append(nil))
	return err
}

// uncounted are chords whose parts nobody counts.
type uncounted struct{}

var _ result.Chords = uncounted{}

// SetSize implements [result.Chords].
func (uncounted) SetSize(context.Context, string, int) error { return nil }

// SaveGroup implements [result.Chords].
func (uncounted) SaveGroup(context.Context, string, json.RawMessage) error { return nil }

// Part implements [result.Chords].
func (uncounted) Part(context.Context, result.Part) (result.Claim, error) { return nil, nil }

// Extend implements [result.Chords].
func (uncounted) Extend(context.Context, string) error {
	return errors.New("Backend does not support add_to_chord") //nolint:staticcheck // Celery's words
}
