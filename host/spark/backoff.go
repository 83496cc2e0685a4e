package spark

import (
	"time"

	"github.com/sparkstalk/sparkstalk/host/internal/backoff"
)

// newBackoff spaces attempts so that an engine which is back is found within a
// second.
func newBackoff() *backoff.Backoff {
	return &backoff.Backoff{First: 20 * time.Millisecond, Max: time.Second}
}
