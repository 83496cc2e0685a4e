package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/internal/rundir"
)

// stopGrace is how long requests under way may take when the server stops.
const stopGrace = 2 * time.Second

// maxBody is how many bytes a request may have.
const maxBody = 1 << 20

// A Server answers commands on this machine. Add handlers, then Run it; Close
// it if it is not run.
type Server struct {
	log      *slog.Logger
	dir      *rundir.Dir
	listener net.Listener
	done     func()
	mux      *http.ServeMux
}

// Listen makes the host's folder in parent, and the socket in it. Commands find
// the host from then on, and wait for their answers until Run. Since and PID of
// host are filled in. A nil log discards.
func Listen(ctx context.Context, parent string, host Host, log *slog.Logger) (*Server, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	dir, err := rundir.New(ctx, parent, prefix)
	if err != nil {
		return nil, fmt.Errorf("listen to commands: %w", err)
	}
	s := &Server{log: log, dir: dir, mux: http.NewServeMux(), done: func() {}}
	if err := s.listen(host); err != nil {
		return nil, errors.Join(fmt.Errorf("listen to commands: %w", err), s.Close())
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.reply(w, nil, NotFound("this host knows no %s %s: it may be older than the command", r.Method, r.URL.Path))
	})
	return s, nil
}

func (s *Server) listen(host Host) error {
	address, done, err := socket(s.dir.Path())
	if err != nil {
		return err
	}
	s.done = done
	if s.listener, err = net.Listen("unix", address); err != nil {
		return err
	}
	s.listener.(*net.UnixListener).SetUnlinkOnClose(false) // the folder goes as a whole
	if err := os.Chmod(address, 0o600); err != nil {
		return err
	}
	host.PID, host.Since = os.Getpid(), time.Now()
	note, err := json.Marshal(host)
	if err != nil {
		return err
	}
	// In one step: who reads half of it would think the host broken.
	temp := s.dir.Join("." + noteName)
	if err := os.WriteFile(temp, note, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, s.dir.Join(noteName))
}

// Handle answers requests that match a pattern of [http.ServeMux] with what f
// returns, as JSON. An [*Error] of f is the caller's; any other is also logged.
func (s *Server) Handle(pattern string, f func(*http.Request) (any, error)) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		answer, err := f(r)
		s.reply(w, answer, err)
	})
}

func (s *Server) reply(w http.ResponseWriter, answer any, err error) {
	status := http.StatusOK
	if err != nil {
		failure, ok := errors.AsType[*Error](err)
		if !ok {
			failure = &Error{Status: http.StatusInternalServerError, Message: err.Error()}
		}
		status, answer = failure.Status, failure
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		s.log.Debug("answer a command", logkey.Error, err)
	}
}

// Run answers until ctx ends, removes the host's folder and returns.
func (s *Server) Run(ctx context.Context) error {
	requests, interrupt := context.WithCancel(context.WithoutCancel(ctx))
	defer interrupt()
	server := &http.Server{
		Handler: s.mux, ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return requests },
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(s.listener) }()
	var err error
	select {
	case <-ctx.Done():
		time.AfterFunc(stopGrace/2, interrupt)
		limited, cancel := context.WithTimeout(requests, stopGrace)
		defer cancel()
		if server.Shutdown(limited) != nil {
			_ = server.Close()
		}
		if ending := <-ended; !errors.Is(ending, http.ErrServerClosed) {
			err = fmt.Errorf("listen to commands: %w", ending)
		}
	case err = <-ended:
		err = fmt.Errorf("listen to commands: %w", err)
	}
	return errors.Join(err, s.Close())
}

// Close stops listening and removes the host's folder. Run does it by itself;
// it may be called twice.
func (s *Server) Close() error {
	if s.listener != nil {
		// Closed already after Run, which is no error here.
		_ = s.listener.Close()
	}
	s.done()
	s.done = func() {}
	return s.dir.Remove()
}
