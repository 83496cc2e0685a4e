//go:build !linux && !darwin

package module

import "context"

// memory leaves an instance's linear memory to wazero, which keeps it on Go's heap.
type memory struct {
	most uint64 // bytes that it may become, which the rewritten module itself holds
}

func (m *memory) within(ctx context.Context) context.Context { return ctx }

func (m *memory) release() {}
