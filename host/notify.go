package host

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/internal/systemd"
)

// A service is how systemd sees a process. Its methods do nothing where systemd
// did not start it.
type service struct {
	*systemd.Notifier
	log *slog.Logger
}

const (
	// lookEvery is how often a service that is not ready is looked at, and
	// extendEvery how often systemd is told to wait on: a broker that is away is
	// no reason to end a start that succeeds once it is back.
	lookEvery   = 200 * time.Millisecond
	extendEvery = 5 * time.Second
)

// stops is what systemd hears of a service that is stopping.
var stops = []string{"STOPPING=1", "STATUS=running tasks may finish"}

// newService is for the systemd that started this process, if one did.
func newService(log *slog.Logger) service { return service{systemd.FromEnv(), log} }

func (s service) tell(lines ...string) {
	if err := s.Notify(lines...); err != nil {
		s.log.Warn("systemd was not told", logkey.Text, lines[0], logkey.Error, err)
	}
}

// run tells systemd that the service is ready once it is, that it is stopping
// when stop ends, and until ctx ends that it lives, as often as it asks for:
// alive must return for that, so that a service which hangs is restarted.
func (s service) run(ctx, stop context.Context, ready func() bool, alive func()) {
	if s.Notifier == nil {
		return
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	var extended time.Time
	for waits := !ready(); waits; waits = stop.Err() == nil && !ready() {
		if time.Since(extended) > extendEvery {
			extended = time.Now()
			s.tell(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", (3*extendEvery).Microseconds()), "STATUS=waiting for the message broker")
		}
		select {
		case <-stop.Done():
		case <-look.C:
		}
	}
	if stop.Err() == nil {
		s.tell("READY=1", "STATUS=serving")
	}
	// Twice as often as needed, as sd_watchdog_enabled(3) has it.
	every := s.Watchdog() / 2
	if every == 0 {
		every = time.Hour
	}
	life := time.NewTicker(every)
	defer life.Stop()
	stopping := stop.Done()
	for {
		select {
		case <-ctx.Done():
			if stopping != nil && stop.Err() != nil { // both came at once
				s.tell(stops...)
			}
			return
		case <-stopping:
			stopping = nil
			s.tell(stops...)
		case <-life.C:
			alive()
			if s.Watchdog() > 0 {
				s.tell("WATCHDOG=1")
			}
		}
	}
}
