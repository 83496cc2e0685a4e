package module

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/sparkstalk/sparkstalk/abi"
)

// forget has the process give up its instance, whose memory goes back to the
// system. It reports whether the process can have another one.
func (p *process) forget() bool {
	if !p.runs() || !p.stale && p.wire.Send(msgDrop, nil) != nil {
		return false
	}
	p.stale, p.size = true, 0
	return true
}

// errOutworn is the end of a process that is not to have another instance.
var errOutworn = errors.New("the process has ended, or has grown")

// renew gives the process a new instance. Its error wraps errOutworn if another
// process may, and else says why the module does not start. growth is how much more
// memory than at its start, in bytes, the process may have with it, and its heap.
func (p *process) renew(ctx context.Context, out *output, growth int64) error {
	var end processEnd
	host := abi.Unsupported{Reason: "no task has begun yet"}
	if err := p.ask(ctx, out, host, msgRenew, nil, &end); err != nil {
		if errors.Is(err, ErrProcess) && ctx.Err() == nil {
			return fmt.Errorf("%w: %w", errOutworn, err)
		}
		return err
	}
	if err := end.err(); err != nil {
		return err
	}
	p.stale = false
	if p.resident() > p.base+growth+2*childHeap {
		return errOutworn
	}
	return nil
}

// resident is how much of the system's memory the process has in bytes, zero if
// the system does not tell. It is not asked itself: it could lie.
func (p *process) resident() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
