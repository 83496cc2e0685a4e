package faults

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

// whole is set when the table is wanted: 10,000 tasks for each fault, where the
// tests make do with few.
var whole = os.Getenv("SPARKSTALK_FAULTS_BROKER")

// A row is what came of one fault.
type row struct {
	fault, worker, through string
	tasks, times           int
	lost                   int // never ran
	unanswered             int // without a result
	repeated               int // runs beyond the first
	recovery               []time.Duration
	note                   string
}

const head = `| fault | worker | broker, results | tasks | times | never ran | no result | ran again | recovery p50 / max, s | |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |
`

func (r row) String() string {
	slices.Sort(r.recovery)
	times := "–"
	if n := len(r.recovery); n > 0 {
		times = fmt.Sprintf("%.2f / %.2f", r.recovery[n/2].Seconds(), r.recovery[n-1].Seconds())
	}
	return fmt.Sprintf("| %s | %s | %s | %d | %d | %d | %d | %d | %s | %s |\n",
		r.fault, r.worker, r.through, r.tasks, r.times, r.lost, r.unanswered, r.repeated, times, r.note)
}

// write adds the row to the table that make faults-broker prints.
func (r row) write(t *testing.T) {
	t.Helper()
	t.Log("\n" + head + r.String())
	if whole == "" {
		return
	}
	out, err := os.OpenFile(whole, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err == nil {
		_, err = out.WriteString(r.String())
		err = errors.Join(err, out.Close())
	}
	if err != nil {
		t.Error(err)
	}
}
