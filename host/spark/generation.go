package spark

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// generation is the session as one engine process knows it.
//
// A restarted engine must not be mistaken for the one before: it would answer
// from a new and empty session of the same id. Spark has an id of its own for
// each session, which requests name and responses have. Sail's is that of the
// client, so that there the session is marked with a setting, which is looked
// for again whenever the connection is a new one.
type generation struct {
	number uint64
	id     string
	marker string

	gate   chan struct{} // held while the session is being opened
	opened atomic.Bool
	marked bool          // the engine took the marker; set before opened
	line   atomic.Uint64 // the newest connection known to lead to the session

	takesNoFiles atomic.Bool // the engine refused an artifact

	silent atomic.Pointer[bool] // see silentOnPaths; nil until it is known

	knowledge knowledge

	definitions definitions

	mu     sync.Mutex
	server string // the engine's own id of the session; empty until it answered
}

// markerKey is the setting that marks a session.
const markerKey = "spark.sparkstalk.session"

func newGeneration(number uint64, id string) *generation {
	return &generation{number: number, id: id, marker: uuid.NewString(), gate: make(chan struct{}, 1), knowledge: newKnowledge(), definitions: newDefinitions()}
}

// open makes sure that the engine has the session, and that it is marked. It
// waits for an engine that is away.
func (s *Session) open(ctx context.Context, g *generation) error {
	if g.opened.Load() {
		return nil
	}
	select {
	case g.gate <- struct{}{}:
		defer func() { <-g.gate }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if g.opened.Load() {
		return nil
	}
	line := uint64(0)
	marker, err := patiently(ctx, s, func() (string, error) {
		line = s.lines.n.Load()
		return s.mark(ctx, g)
	})
	switch _, refused := errors.AsType[*Error](err); {
	case err == nil:
		g.marker, g.marked = marker, true
	case refused && !errors.Is(err, ErrSessionLost):
		// What is wrong will show in the caller's own request, if it matters.
		s.cfg.Log.Debug("mark Spark session", logkey.Session, g.id, logkey.Error, err)
	default:
		return err
	}
	if err := s.configure(ctx, g); err != nil {
		return err
	}
	g.line.Store(max(line, 1))
	g.opened.Store(true)
	return nil
}

// mark marks the session and returns its marker: in a session whose id others
// know too, that of the host that opened it.
func (s *Session) mark(ctx context.Context, g *generation) (string, error) {
	if s.shared != "" {
		answer, err := s.client.Config(ctx, s.config(g, getMarker))
		if err != nil {
			return "", s.fail(ctx, g, err)
		}
		g.observe(answer)
		if marker := theMarker(answer); marker != "" {
			return marker, nil
		}
	}
	answer, err := s.client.Config(ctx, s.config(g, setConf(map[string]string{markerKey: g.marker})))
	if err != nil {
		return "", s.fail(ctx, g, err)
	}
	g.observe(answer)
	return g.marker, nil
}

// getMarker asks for the marker of a session.
var getMarker = &sparkpb.ConfigRequest_Operation{OpType: &sparkpb.ConfigRequest_Operation_GetOption{
	GetOption: &sparkpb.ConfigRequest_GetOption{Keys: []string{markerKey}},
}}

func theMarker(answer *sparkpb.ConfigResponse) string {
	for _, pair := range answer.GetPairs() {
		if pair.GetKey() == markerKey {
			return pair.GetValue()
		}
	}
	return ""
}

// patiently calls f until it does not fail with ErrUnavailable, or the
// session's patience ends.
func patiently[T any](ctx context.Context, s *Session, f func() (T, error)) (T, error) {
	start := time.Now()
	for wait := newBackoff(); ; {
		out, err := f()
		if !errors.Is(err, ErrUnavailable) || time.Since(start) >= s.cfg.Patience {
			return out, err
		}
		if !wait.Sleep(ctx, nil) {
			return out, context.Cause(ctx)
		}
		s.conn.ResetConnectBackoff()
	}
}

func (s *Session) config(g *generation, operation *sparkpb.ConfigRequest_Operation) *sparkpb.ConfigRequest {
	return &sparkpb.ConfigRequest{
		SessionId: g.id, UserContext: s.user, ClientType: &s.agent, ClientObservedServerSideSessionId: g.observed(),
		Operation: operation,
	}
}

// verify asks the engine whether it has the session.
func (s *Session) verify(ctx context.Context, g *generation) error {
	line := s.lines.n.Load()
	limited, cancel := context.WithTimeout(ctx, controlTimeout)
	defer cancel()
	answer, err := s.client.Config(limited, s.config(g, getMarker))
	if err != nil {
		return s.fail(ctx, g, err)
	}
	if !g.observe(answer) || g.opened.Load() && g.marked && theMarker(answer) != g.marker {
		return s.mistaken(g)
	}
	g.line.Store(line)
	return nil
}

// answer is what every response has.
type answer interface{ GetServerSideSessionId() string }

// observe notes what the engine calls the session, and reports false if it was
// called otherwise before.
func (g *generation) observe(a answer) bool {
	server := a.GetServerSideSessionId()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.server == "" {
		g.server = server
	}
	return server == "" || g.server == server
}

// observed returns what the engine calls the session, to be sent with every
// request.
func (g *generation) observed() *string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.server == "" {
		return nil
	}
	server := g.server
	return &server
}

// check makes sure that a response comes from the engine process that the
// session was opened at.
func (s *Session) check(ctx context.Context, g *generation, a answer) error {
	if !g.observe(a) {
		return s.mistaken(g)
	}
	return s.checkLine(ctx, g)
}

// checkLine looks for the marker if the engine has no id of its own for the
// session and there is a new connection.
func (s *Session) checkLine(ctx context.Context, g *generation) error {
	if !g.opened.Load() || !g.marked || g.line.Load() == s.lines.n.Load() {
		return nil
	}
	g.mu.Lock()
	own := g.server != g.id
	g.mu.Unlock()
	if own {
		return nil
	}
	return s.verify(ctx, g)
}

func (s *Session) mistaken(g *generation) error {
	const reason = "another engine process answers"
	s.lose(g, reason, false)
	return fmt.Errorf("%w: %s", ErrSessionLost, reason)
}
