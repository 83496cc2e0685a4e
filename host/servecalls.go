package host

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/abi/pipe"
	"github.com/sparkstalk/sparkstalk/host/hostfn"
	"github.com/sparkstalk/sparkstalk/host/internal/logkey"
	"github.com/sparkstalk/sparkstalk/host/policy"
)

// ServeCalls answers what tasks ask of a host that run elsewhere and connect to
// l, such as the tests of a module in a process of their own, until ctx ends.
// Whoever can connect can ask whatever a task can.
func (r *Runtime) ServeCalls(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })() // Accept says that it is closed
	var calls sync.WaitGroup
	defer calls.Wait()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("serve calls: %w", err)
		}
		calls.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // ends a read
			defer func() { _ = conn.Close() }()                         // all that could be said is
			if err := pipe.ServeTask(conn, func(t pipe.Task) (abi.Host, func()) {
				inv := r.binder.Open(ctx, hostfn.Task{
					ID: t.ID, Name: t.Name, Module: "tests", Version: "tests", Args: t.Args, Request: t.Request, Capabilities: t.Capabilities,
					// Tests are one's own; they are held to what their module asks for.
					Rights: policy.Rules(nil).AllowAll().For("tests", asksOf(t.Capabilities)),
				})
				return inv, inv.Close
			}); err != nil && ctx.Err() == nil && !errors.Is(err, net.ErrClosed) {
				r.log.Warn("a test asks for what cannot be answered", logkey.Error, err)
			}
		})
	}
}
