package beat

import (
	"context"
	"sync"
	"time"
)

// An Elector decides which of several beats is the one that sends.
type Elector interface {
	// Run calls lead each time this beat becomes the leader, with a context that
	// ends when it is not any longer, and waits for it to return, until ctx
	// ends. It returns an error only for what cannot mend, lead's among them.
	Run(ctx context.Context, lead func(ctx context.Context, shared Shared) error) error
}

// Shared is what beats know of each other's runs. It is used while leading.
// What cannot be done now is tried until it can or ctx ends.
type Shared interface {
	// Load returns the last runs of those who led before, as far as it is known.
	Load(ctx context.Context) (State, error)
	// Keep makes known what there is in all, after entries came or went.
	Keep(ctx context.Context, s State) error
	// Claim makes a run known before it is sent. False says that another leads
	// by now: it must not be sent.
	Claim(ctx context.Context, zone, name string, run Run) (bool, error)
}

// Alone is the Elector of a beat that has no other beside it.
type Alone struct{}

// Run implements [Elector].
func (Alone) Run(ctx context.Context, lead func(context.Context, Shared) error) error {
	return lead(ctx, alone{})
}

type alone struct{}

func (alone) Load(context.Context) (State, error) { return State{}, nil }
func (alone) Keep(context.Context, State) error   { return nil }
func (alone) Claim(ctx context.Context, _, _ string, _ Run) (bool, error) {
	return ctx.Err() == nil, nil
}

// lease runs lead while the lease that renew prolongs holds. renew is asked
// every so often and says until when it holds now; a time that has passed ends
// it. The contexts of lead and renew end with the lease.
func lease(ctx context.Context, until time.Time, every time.Duration, renew func(context.Context) time.Time, lead func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	var renewing sync.WaitGroup
	defer renewing.Wait() // lest it takes again what is given up after this
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- lead(ctx) }()
	end := time.NewTimer(time.Until(until))
	defer end.Stop()
	renewed := make(chan time.Time, 1)
	next := time.NewTimer(every)
	defer next.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-end.C:
			cancel()
		case <-ctx.Done():
			return <-ended
		case <-next.C:
			renewing.Go(func() { renewed <- renew(ctx) })
		case until := <-renewed:
			if time.Until(until) <= 0 {
				cancel()
				continue
			}
			end.Reset(time.Until(until))
			next.Reset(every)
		}
	}
}

// pause waits, and reports whether ctx goes on.
func pause(ctx context.Context, wait time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(wait):
		return true
	}
}
