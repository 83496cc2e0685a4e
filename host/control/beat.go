package control

import (
	"context"
	"log/slog"

	"github.com/sparkstalk/sparkstalk/host/broker"
	"github.com/sparkstalk/sparkstalk/host/celery"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
)

// A BeatNode answers for a beat, as celery beat does with
// beat_enable_remote_control: ping and nothing else, so that it stays out of what
// is asked of workers. All fields are required.
type BeatNode struct {
	Mailbox  Mailbox
	Replies  Publisher
	Hostname string
	// Stalled reports that the beat should have looked at its entries long ago:
	// then it stays silent, which is all that a probe sees.
	Stalled func() bool
	Clock   *celery.Clock
	Log     *slog.Logger
}

// Handle answers one request, a message of the [Mailbox.Queue].
func (n *BeatNode) Handle(ctx context.Context, d broker.Delivery) {
	r, err := n.Mailbox.request(d)
	if err != nil {
		n.Log.Error("control request refused", logkey.Error, err)
		return
	}
	n.Clock.Adjust(r.Clock)
	if r.Method != "ping" || !r.Selected(n.Hostname) || r.Ticket == "" {
		return
	}
	if n.Stalled() {
		n.Log.Warn("the beat has not looked at its entries for too long: a ping is not answered")
		return
	}
	if err := n.Mailbox.reply(ctx, n.Replies, r, celery.Reply{Node: n.Hostname, Value: ok("pong")}, n.Clock.Forward()); err != nil {
		n.Log.Warn("control reply not sent", logkey.Work, r.Method, logkey.Error, err)
	}
}
