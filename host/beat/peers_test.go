package beat

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/broker"
)

// slowly is a broker whose publications of a whole state are long on their way.
type slowly struct {
	broker.Broker
	begun     chan struct{}
	published chan []byte
}

func (s slowly) Publish(_ context.Context, p broker.Publication) error {
	var t told
	if json.Unmarshal(p.Message.Body, &t) != nil {
		return nil // a sign of life
	}
	if t.Whole {
		s.begun <- struct{}{}
		time.Sleep(100 * time.Millisecond)
	}
	s.published <- p.Message.Body
	return nil
}

func TestWhatRanIsToldInItsOrder(t *testing.T) {
	conn := slowly{begun: make(chan struct{}, 100), published: make(chan []byte, 100)}
	log := slog.New(slog.DiscardHandler)
	leader := &Peers{Group: "g", Log: log, id: "leader", conn: conn, leads: true, sent: map[string]time.Time{}, peers: map[string]time.Time{}, until: time.Now().Add(time.Hour)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		leader.giveSigns(ctx)
	}()
	<-conn.begun // it is telling the whole, in which this run is not
	run := Run{LastRunAt: begin, Count: 5}
	if ok, err := leader.Claim(ctx, "UTC", "often", run); !ok || err != nil {
		t.Errorf("claimed %v, %v", ok, err)
	}
	cancel()
	<-ended
	close(conn.published)
	other := &Peers{Log: log, id: "other"}
	for body := range conn.published {
		other.hear(body)
	}
	if got := other.heard.Entries["often"]; !got.LastRunAt.Equal(run.LastRunAt) || got.Count != run.Count {
		t.Errorf("the other beat has heard of %+v, want %+v", got, run)
	}
}
