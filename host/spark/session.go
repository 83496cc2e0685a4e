package spark

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/spark/sparkpb"
)

// Config says how to reach an engine. Only Remote is needed.
type Config struct {
	// Remote is a connection string as PySpark has it:
	// sc://host:port/;key=value;… with the keys use_ssl, token, user_id,
	// user_agent and session_id; others are sent as headers of every request.
	// The port is 15002 unless given.
	Remote string
	// Address returns the host:port to connect to. It is asked at every attempt,
	// for engines that move their port when they restart. Nil or an empty
	// answer means the place in Remote.
	Address func() string
	// Log is where lost sessions (warn) and mended streams (debug) are told.
	// Nil discards.
	Log *slog.Logger
	// UserAgent is what the engine's log and UI show of the client, unless
	// Remote has a user_agent.
	//
	// Empty means sparkstalk.
	UserAgent string
	// Patience is how long a call goes on trying to reach an engine that is away
	// before it fails with ErrUnavailable.
	//
	// Zero means 30 seconds, negative not at all.
	Patience time.Duration
	// KeepAlive is how often [Session.Run] tells the engine that the session is
	// in use. Engines close sessions that are idle for 15 (Sail) or 60 minutes.
	//
	// Zero means 3 minutes.
	KeepAlive time.Duration
	// Silence is how long nothing may come over the connection while a call is
	// under way. Then the engine is asked whether it is there, and if it does not
	// answer for as long again, and 5 seconds at least, the call goes on over a
	// new connection: so is found what a network does not tell.
	//
	// Zero means 25 seconds.
	Silence time.Duration
	// Conf returns the settings that each new session at the engine begins
	// with. Nil means none.
	Conf func() map[string]string
	// TLS protects the connection.
	TLS TLS
	// Token is the bearer token, unless Remote has one.
	Token string
	// PlaintextToken lets a token go over a connection that is not encrypted and
	// not to this machine.
	PlaintextToken bool
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.UserAgent == "" {
		c.UserAgent = "sparkstalk"
	}
	switch {
	case c.Patience == 0:
		c.Patience = 30 * time.Second
	case c.Patience < 0:
		c.Patience = 0
	}
	if c.KeepAlive <= 0 {
		c.KeepAlive = 3 * time.Minute
	}
	if c.Silence <= 0 {
		c.Silence = 25 * time.Second
	}
	return c
}

// controlTimeout bounds a request that the engine answers from memory.
const controlTimeout = 5 * time.Second

// Session is a session at the engine, shared by all its callers: it is safe for
// concurrent use. [Session.Close] ends it.
type Session struct {
	cfg    Config
	conn   *grpc.ClientConn
	client sparkpb.SparkConnectServiceClient
	user   *sparkpb.UserContext
	agent  string
	named  bool   // the remote gives a user
	shared string // the session's id as the remote gives it: others may be in it, too
	lines  *lines

	releases  releases
	leftovers leftovers
	kept      kept

	mu     sync.Mutex
	cur    *generation
	closed bool
}

// Open reads the connection string and checks it. It does not connect: the
// first call does.
func Open(cfg Config) (*Session, error) {
	cfg = cfg.withDefaults()
	r, err := parseRemote(cfg.Remote)
	if err != nil {
		return nil, err
	}
	r.complete(cfg)
	lines := newLines(cfg.Silence, cfg.Log)
	conn, err := dial(cfg, r, lines)
	if err != nil {
		return nil, err
	}
	if r.userAgent != "" {
		cfg.UserAgent = r.userAgent
	}
	named := r.userID != ""
	if !named {
		r.userID = "sparkstalk"
	}
	s := &Session{
		cfg: cfg, conn: conn, client: sparkpb.NewSparkConnectServiceClient(conn),
		user:   &sparkpb.UserContext{UserId: r.userID, UserName: r.userID},
		agent:  fmt.Sprintf("%s os/%s go/%s", cfg.UserAgent, runtime.GOOS, runtime.Version()),
		named:  named,
		shared: r.sessionID,
		lines:  lines,
		kept:   newKept(),
	}
	if s.shared == "" {
		r.sessionID = uuid.NewString()
	}
	s.cur = newGeneration(1, r.sessionID)
	lines.ask = s.askAnything
	return s, nil
}

// Generation counts the sessions: it grows when a session was lost and replaced.
func (s *Session) Generation() uint64 { return s.current().number }

// ID returns the session's id at the engine. It changes with the generation.
func (s *Session) ID() string { return s.current().id }

func (s *Session) current() *generation {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cur
}

// begin returns the generation that a call belongs to from its start to its end.
func (s *Session) begin() (*generation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	return s.cur, nil
}

// lose replaces a session that the engine has lost. Only the first to notice
// does so. dead says that the engine will not take the session's id again.
func (s *Session) lose(g *generation, reason string, dead bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cur != g {
		return
	}
	s.cur = newGeneration(g.number+1, s.nextID(g.id, dead))
	s.cfg.Log.Warn("Spark session lost; the next call opens a new one",
		logkey.Session, g.id, logkey.Reason, reason)
}

// nextID is the id of the session that follows the one called id. Hosts that
// share a session must all find the same one, though they do not talk: an
// engine that has closed a session is asked for the next in a row that depends
// on the first id alone, and a new engine, which has closed none, for the first.
func (s *Session) nextID(id string, dead bool) string {
	switch {
	case s.shared == "":
		return uuid.NewString()
	case dead:
		return uuid.NewSHA1(uuid.MustParse(s.shared), []byte(id)).String()
	}
	return s.shared
}

// Run keeps the session in use until ctx ends, and returns nil. A ping that
// fails is not an error of Run: the next call finds out what is wrong.
func (s *Session) Run(ctx context.Context) error {
	tick := time.NewTicker(s.cfg.KeepAlive)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := s.Ping(ctx); err != nil && ctx.Err() == nil {
				s.cfg.Log.DebugContext(ctx, "keep the Spark session alive", logkey.Error, err)
			}
		}
	}
}

// Close ends the session at the engine and the connection, after what still
// has to be told to the engine was, within a few seconds. Calls under way fail.
// Further calls do nothing.
func (s *Session) Close() error {
	s.mu.Lock()
	g, closed := s.cur, s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), controlTimeout)
	defer cancel()
	s.leftovers.close(ctx)
	s.releases.close(ctx)
	if s.shared == "" && g.observed() != nil {
		s.releaseSession(ctx, g)
	}
	err := s.conn.Close()
	s.lines.close()
	if err != nil {
		return fmt.Errorf("close connection to Spark: %w", err)
	}
	return nil
}

// maxDescription is how many bytes of a description are sent.
const maxDescription = 500

// describe returns the user of a request that is for what text says. Spark Connect has
// no message for a job's description. It shows the beginning of the request, in
// which the user's name is the only free text before the plan.
func (s *Session) describe(text string) *sparkpb.UserContext {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	if text == "" || s.named {
		return s.user
	}
	if len(text) > maxDescription {
		text = strings.ToValidUTF8(text[:maxDescription], "")
	}
	return &sparkpb.UserContext{UserId: s.user.GetUserId(), UserName: text}
}

// releaseSession ends a session at the engine.
func (s *Session) releaseSession(ctx context.Context, g *generation) {
	_, err := s.client.ReleaseSession(ctx, &sparkpb.ReleaseSessionRequest{
		SessionId: g.id, UserContext: s.user, ClientType: &s.agent,
	})
	if err != nil {
		// The engine closes it by itself when it is idle, or is gone.
		s.cfg.Log.Debug("release Spark session", logkey.Session, g.id, logkey.Error, err)
	}
}

// Ping asks the engine whether it still has the session, which counts as use of
// it. It does not wait for an engine that is away.
func (s *Session) Ping(ctx context.Context) error {
	g, err := s.begin()
	if err == nil {
		err = s.verify(ctx, g)
	}
	if err != nil {
		return fmt.Errorf("ping Spark: %w", err)
	}
	return nil
}

// askAnything asks for what the engine answers from memory. Any answer will do: only the
// time without one counts, so what is wrong is left to the calls under way.
func (s *Session) askAnything(ctx context.Context) error {
	_, err := s.client.Config(ctx, s.config(s.current(), getMarker))
	return err
}

// Ready waits until the engine answers a trivial query, and with that is warm
// enough for the first task. It gives up when ctx ends, or when the engine
// answers but refuses.
func (s *Session) Ready(ctx context.Context) error {
	for wait := newBackoff(); ; {
		_, err := s.Count(ctx, Range(0, 1, 1, 1), Options{})
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil, !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrSessionLost):
			return fmt.Errorf("wait for Spark: %w", err)
		}
		if !wait.Sleep(ctx, nil) {
			return fmt.Errorf("wait for Spark: %w: %w", context.Cause(ctx), err)
		}
	}
}
