package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/sparkstalk/sparkstalk/host/module/seal"
)

// A swapper puts versions of a module into a worker's folder.
type swapper struct {
	o       options
	plugins string
	client  *client
	worker  *process
	made    int
	key     ed25519.PrivateKey
}

// version makes one of the two versions of the module a file unlike any
// before: with code that no cache knows, or the same code under another seal.
func (s *swapper) version(odd, unknown, sealed bool) (file []byte, answer string, err error) {
	source, answer := "reload.wasm", "1"
	if odd {
		source, answer = "reload2.wasm", s.o.next
	}
	if file, err = os.ReadFile(filepath.Join(s.o.dir, source)); err != nil {
		return nil, "", err
	}
	s.made++
	unique := fmt.Sprintf("%d.%d", time.Now().UnixNano(), s.made)
	if unknown || !sealed {
		body := append(binary.AppendUvarint(nil, uint64(len(unique))), unique...)
		body = append(body, 0) // wazero takes no module that ends with an empty section
		file = append(file, append(binary.AppendUvarint([]byte{0}, uint64(len(body))), body...)...)
	}
	if sealed {
		// The version is what makes the seal another one.
		file, err = seal.Write(file, seal.Options{Key: s.key, Version: uint64(s.made)})
	}
	return file, answer, err
}

// land renames a file into the folder and returns how long the version takes to
// answer.
func (s *swapper) land(ctx context.Context, file []byte, answer string) (time.Duration, error) {
	temp := filepath.Join(s.plugins, ".next")
	if err := os.WriteFile(temp, file, 0o644); err != nil {
		return 0, err
	}
	landed := time.Now()
	if err := os.Rename(temp, filepath.Join(s.plugins, "reload.wasm")); err != nil {
		return 0, err
	}
	for {
		got, err := s.client.call(ctx, "test.version")
		if err != nil {
			return 0, err
		}
		if got == answer {
			return time.Since(landed), nil
		}
		if time.Since(landed) > time.Minute {
			return 0, fmt.Errorf("version %s did not answer within a minute\n%s", answer, s.worker.tail())
		}
		time.Sleep(2 * time.Millisecond) // or asking takes a processor from what is asked for
	}
}

// swapping starts a worker on a folder with the module.
func (o options) swapping(ctx context.Context, url string, do func(*swapper) error) (err error) {
	plugins, err := o.plugins("reload.wasm")
	if err != nil {
		return err
	}
	client, err := newClient(url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.close()) }()
	worker, err := o.serve(ctx, nil, url, client.queue, plugins, "sail")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, worker.stop()) }()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	return do(&swapper{o: o, plugins: plugins, client: client, worker: worker, key: key})
}

// A load is a client that calls a task without a break.
type load struct {
	mu     sync.Mutex
	times  []time.Duration
	failed int
	stop   context.CancelFunc
	done   chan error
}

// load calls test.noop of the swapper's worker until it is ended.
func (s *swapper) load(ctx context.Context, url string) (*load, error) {
	client, err := newClient(url)
	if err != nil {
		return nil, err
	}
	sender := *client
	sender.queue = s.client.queue
	ctx, stop := context.WithCancel(ctx)
	l := &load{stop: stop, done: make(chan error, 1)}
	go func() {
		for ctx.Err() == nil {
			begin := time.Now()
			err := sender.send(context.WithoutCancel(ctx), "test.noop", uuid.NewString())
			if err == nil {
				_, err = client.final(context.WithoutCancel(ctx))
			}
			l.mu.Lock()
			l.times = append(l.times, time.Since(begin))
			if err != nil {
				l.failed++
			}
			l.mu.Unlock()
		}
		l.done <- client.close()
	}()
	return l, nil
}

// end stops the load.
func (l *load) end() error {
	l.stop()
	return <-l.done
}

// take returns the calls since the last time, sorted, and how many failed ever.
func (l *load) take() (times []time.Duration, failed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	times, l.times = l.times, nil
	slices.Sort(times)
	return times, l.failed
}

// arrivals are the ways in which a version comes that reload measures.
var arrivals = []struct {
	name            string
	unknown, sealed bool
}{
	{"sealed, its compilation cached", false, true},
	{"sealed, compiled for the first time", true, true},
	{"unsealed, compiled for the first time", true, false},
}

// reload measures the time from a new version's file landing to its first answer,
// with nothing else to do and beside a client that calls without a break, and what
// it does to that client's calls.
func (o options) reload(ctx context.Context, url string) error {
	return o.swapping(ctx, url, func(s *swapper) (err error) {
		info, err := os.Stat(filepath.Join(o.dir, "reload.wasm"))
		if err != nil {
			return err
		}
		if _, _, err := s.series(ctx, 2, false, true); err != nil { // both are compiled then
			return err
		}
		fmt.Printf("A Go module of %.1f MB.\n\n", float64(info.Size())/1e6)
		fmt.Println("| from a file landing to its first answer | s | at most | the others' p50 ms | p99 ms |\n| --- | ---: | ---: | ---: | ---: |")
		for _, a := range arrivals {
			took, most, err := s.series(ctx, 4*o.rounds+1, a.unknown, a.sealed)
			if err != nil {
				return fmt.Errorf("%s: %w", a.name, err)
			}
			fmt.Printf("| %s | %.2f | %.2f | | |\n", a.name, took, most)
		}
		l, err := s.load(ctx, url)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, l.end()) }()
		time.Sleep(5 * time.Second)
		quiet, _ := l.take()
		fmt.Printf("| (nothing lands, beside a client that calls a task without a break) | | | %.2f | %.2f |\n", percentile(quiet, 0.5), percentile(quiet, 0.99))
		for _, a := range arrivals {
			took, most, err := s.series(ctx, 4*o.rounds+1, a.unknown, a.sealed)
			if err != nil {
				return fmt.Errorf("%s: %w", a.name, err)
			}
			times, failed := l.take()
			if failed > 0 {
				return fmt.Errorf("%s: %d calls failed", a.name, failed)
			}
			fmt.Printf("| beside that client: %s | %.2f | %.2f | %.2f | %.2f |\n", a.name, took, most, percentile(times, 0.5), percentile(times, 0.99))
		}
		fmt.Println()
		return nil
	})
}

// series swaps a number of times and returns the middle time and the longest.
func (s *swapper) series(ctx context.Context, swaps int, unknown, sealed bool) (middle, most float64, err error) {
	var took []float64
	for n := range swaps {
		file, answer, err := s.version(n%2 == 0, unknown, sealed)
		if err != nil {
			return 0, 0, err
		}
		d, err := s.land(ctx, file, answer)
		if err != nil {
			return 0, 0, err
		}
		took = append(took, d.Seconds())
		if s.o.pause > 0 {
			time.Sleep(s.o.pause)
		}
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)-1], nil
}

// swap replaces a module many times while clients call it without a break.
func (o options) swap(ctx context.Context, url string) error {
	return o.swapping(ctx, url, func(s *swapper) (err error) {
		var loads []*load
		for range o.concurrency {
			l, err := s.load(ctx, url)
			if err != nil {
				return err
			}
			loads = append(loads, l)
		}
		defer func() {
			for _, l := range loads {
				err = errors.Join(err, l.end())
			}
		}()
		var early, late float64
		var took []float64
		var answer string
		for n := range o.swaps {
			file, want, err := s.version(n%2 == 0, o.distinct, true)
			if err != nil {
				return err
			}
			d, err := s.land(ctx, file, want)
			if err != nil {
				return fmt.Errorf("swap %d: %w", n+1, err)
			}
			took, answer = append(took, d.Seconds()), want
			if late = s.worker.usage().residentMB; n == o.swaps/5 {
				early = late
			}
		}
		live, err := s.client.call(ctx, "test.version")
		if err != nil {
			return err
		}
		calls, failed := 0, 0
		var times []time.Duration
		for _, l := range loads {
			t, f := l.take()
			calls, failed, times = calls+len(t), failed+f, append(times, t...)
		}
		slices.Sort(times)
		slices.Sort(took)
		fmt.Printf("| swaps | calls meanwhile | failed | p50 ms | p99 ms | to the first answer, s | at most | resident MB after a fifth | at the end | last version live |\n"+
			"| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n| %d | %d | %d | %.2f | %.2f | %.2f | %.2f | %.0f | %.0f | %t |\n\n",
			o.swaps, calls, failed, percentile(times, 0.5), percentile(times, 0.99), took[len(took)/2], took[len(took)-1], early, late, live == answer)
		if failed > 0 || live != answer {
			return fmt.Errorf("%d of %d calls failed, version %s is live, not %s", failed, calls, live, answer)
		}
		return nil
	})
}
