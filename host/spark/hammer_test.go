package spark_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sparkstalk/sparkstalk/host/spark"
	"github.com/sparkstalk/sparkstalk/host/spark/sparktest"
)

// Whatever happens to the engine and to the callers, an answer is whole or an
// error that says why not, and the session goes on.
func TestCallersAmidFaultsGetAllOrAnError(t *testing.T) {
	for name, manners := range map[string]sparktest.Manners{"Spark": {}, "Sail": {Trusting: true}} {
		t.Run(name, func(t *testing.T) {
			server := sparktest.StartWith(t, manners, func(o *sparktest.Operation) error {
				for n := range int64(6) {
					if rand.IntN(4) == 0 {
						o.CutAfter(int(n), nil)
					}
					if o.Context().Err() != nil {
						return canceled
					}
					o.Rows(2*n, 2*n+1)
					time.Sleep(rand.N(300 * time.Microsecond))
				}
				return nil
			})
			session := connect(t, server)
			want := []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
			faults, stop := context.WithCancel(t.Context())
			var callers, breaker sync.WaitGroup
			breaker.Go(func() {
				for n := 0; faults.Err() == nil; n++ {
					time.Sleep(20 * time.Millisecond)
					if n%3 == 0 {
						server.Restart()
					} else {
						server.Break()
					}
				}
			})
			var mu sync.Mutex
			whole := 0
			for range 8 {
				callers.Go(func() {
					for range 40 {
						ctx, cancel := context.WithCancel(t.Context())
						if rand.IntN(4) == 0 {
							time.AfterFunc(rand.N(2*time.Millisecond), cancel)
						}
						got, err := ids(ctx, session, anything, spark.Options{Tags: []string{"hammer"}})
						switch {
						case err == nil:
							if !slices.Equal(got, want) {
								t.Errorf("got %v", got)
							}
							mu.Lock()
							whole++
							mu.Unlock()
						case errors.Is(err, context.Canceled) && ctx.Err() != nil,
							errors.Is(err, spark.ErrSessionLost), errors.Is(err, spark.ErrUnavailable):
						default:
							t.Errorf("got %v", err)
						}
						cancel()
					}
				})
			}
			callers.Wait()
			stop()
			breaker.Wait()
			if whole == 0 {
				t.Error("no call succeeded")
			}
			// A loss that nobody has noticed yet may be found now.
			_, err := ids(t.Context(), session, anything, spark.Options{})
			if errors.Is(err, spark.ErrSessionLost) {
				_, err = ids(t.Context(), session, anything, spark.Options{})
			}
			if err != nil {
				t.Errorf("in the end: %v", err)
			}
		})
	}
}
