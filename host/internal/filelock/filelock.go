// Package filelock locks files between processes. A lock ends with the process
// that holds it, however that ends.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrLocked says that another process, or another Lock of this one, has it.
var ErrLocked = errors.New("locked by another process")

// A Lock is held until Unlock.
type Lock struct{ file *os.File }

// Try locks the file at path, which it creates if need be and never removes.
// The error wraps ErrLocked when it is taken.
func Try(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := lock(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &Lock{f}, nil
}

// Wait locks the file at path, and waits for it until ctx ends. It calls
// waiting once if it has to, unless that is nil.
func Wait(ctx context.Context, path string, waiting func()) (*Lock, error) {
	for {
		l, err := Try(path)
		if err == nil || !errors.Is(err, ErrLocked) {
			return l, err
		}
		if waiting != nil {
			waiting()
			waiting = nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock %s: %w", path, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Unlock gives the lock back.
func (l *Lock) Unlock() { _ = l.file.Close() }
