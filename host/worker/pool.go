package worker

import (
	"context"
	"errors"
	"sync"
)

// pool are the slots in which tasks run. Their number can change while they do.
type pool struct {
	mu    sync.Mutex
	size  int                // wanted, also before start
	begin func(*slot)        // starts a slot's goroutine; nil unless running
	idle  map[*slot]struct{} // wait for a task
	busy  map[*slot]struct{}
}

// A slot runs one task after the other until its context ends.
type slot struct {
	pool *pool
	ctx  context.Context
	end  context.CancelFunc
}

func newPool(size int) *pool {
	return &pool{size: size, idle: map[*slot]struct{}{}, busy: map[*slot]struct{}{}}
}

// start begins the slots; begin runs one in its own goroutine.
func (p *pool) start(ctx context.Context, begin func(*slot)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin = func(s *slot) {
		s.ctx, s.end = context.WithCancel(ctx)
		begin(s)
	}
	p.add(p.size)
}

// stop keeps further slots from beginning.
func (p *pool) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin = nil
}

func (p *pool) add(n int) {
	for range n {
		s := &slot{pool: p}
		p.idle[s] = struct{}{}
		p.begin(s)
	}
}

// works says that a slot runs a task from now on, or none.
func (s *slot) works(now bool) {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	if now {
		delete(s.pool.idle, s)
		s.pool.busy[s] = struct{}{}
	} else {
		delete(s.pool.busy, s)
		if s.ctx.Err() == nil {
			s.pool.idle[s] = struct{}{}
		}
	}
}

// leave forgets a slot whose goroutine ends.
func (s *slot) leave() {
	s.end()
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	delete(s.pool.idle, s)
	delete(s.pool.busy, s)
}

func (p *pool) grow(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.size += n
	if p.begin != nil {
		p.add(n)
	}
}

// ErrBusy is the error of a pool in which nothing is idle that could be ended.
var ErrBusy = errors.New("all slots of the pool are busy")

// shrink ends idle slots; the last ones stay, as many as least.
func (p *pool) shrink(n, least int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range n {
		if p.size <= least || p.begin != nil && len(p.idle) == 0 {
			return ErrBusy
		}
		p.size--
		for s := range p.idle {
			delete(p.idle, s)
			s.end()
			break
		}
	}
	return nil
}

func (p *pool) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.size
}
