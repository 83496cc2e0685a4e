//go:build linux || darwin

package module

import (
	"context"
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// A memory is an instance's linear memory, mapped from the system. Compared with
// wazero's own, a Go slice, growing never copies, nothing of it counts for the
// garbage collector, and it goes back to the system when the instance does.
//
// It is used by whoever runs the instance, one goroutine at a time.
type memory struct {
	mapped []byte // as long as the memory may become
	usable uint64 // bytes from the start that can be read and written
	most   uint64 // bytes that it may become, whatever the module says
}

// within returns the context in which an instance gets m as its memory.
func (m *memory) within(ctx context.Context) context.Context {
	return experimental.WithMemoryAllocator(ctx, m)
}

// Allocate implements [experimental.MemoryAllocator].
func (m *memory) Allocate(_, limit uint64) experimental.LinearMemory {
	limit = min(limit, m.most)
	// Nothing of it can be touched yet, so that it costs only addresses.
	mapped, err := syscall.Mmap(-1, 0, int(max(limit, 1)), syscall.PROT_NONE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return &heap{limit: limit} // out of addresses, by a limit of the system's
	}
	m.mapped = mapped
	return m
}

// Reallocate implements [experimental.LinearMemory]. It makes size bytes usable;
// nil means that the system has no more, and the guest's memory.grow fails.
func (m *memory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.mapped)) {
		return nil
	}
	if size > m.usable {
		if err := syscall.Mprotect(m.mapped[:size], syscall.PROT_READ|syscall.PROT_WRITE); err != nil {
			return nil
		}
		m.usable = size
	}
	return m.mapped[:size:size]
}

// Free implements [experimental.LinearMemory]. It does nothing: wazero calls it
// whenever the module is closed, even by another goroutine than the one that
// runs the guest. The memory goes with release, when no one runs it any more.
func (m *memory) Free() {}

// release gives the memory back. The instance must not run again.
func (m *memory) release() {
	if m.mapped != nil {
		// It fails only for a slice that was never mapped.
		_ = syscall.Munmap(m.mapped)
	}
	m.mapped, m.usable = nil, 0
}

// heap is a memory on Go's heap.
type heap struct {
	limit uint64
	data  []byte
}

// Reallocate implements [experimental.LinearMemory].
func (h *heap) Reallocate(size uint64) []byte {
	if size > h.limit {
		return nil
	}
	if grow := int(size) - len(h.data); grow > 0 {
		h.data = append(h.data, make([]byte, grow)...)
	}
	return h.data[:size:size]
}

// Free implements [experimental.LinearMemory].
func (h *heap) Free() {}
