package sdk

import (
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/sparkstalk/sparkstalk/abi"
)

// A Module is what one Go plugin has registered. A process has one copy of this
// package, whatever it loads, so that what each plugin registers is kept apart
// by when it does so. Its methods may be called by several goroutines.
type Module struct{ registry *registry }

var loading sync.Mutex

// Load calls open, which runs the init functions of a Go plugin, and returns
// what these registered. It is for native hosts, and one call runs at a time. A
// panic of an init function is its error.
func Load(open func() error) (m *Module, err error) {
	loading.Lock()
	defer loading.Unlock()
	own := new(registry)
	before := target.Swap(own)
	defer target.Store(before)
	defer func() {
		if r := recover(); r != nil {
			m, err = nil, fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	if err := open(); err != nil {
		return nil, err
	}
	return &Module{own}, nil
}

// Describe is [Describe] for the module.
func (m *Module) Describe(host abi.Host) int32 { return m.registry.describe(host) }

// Run is [Run] for the module.
func (m *Module) Run(host abi.Host, index int32) int32 { return m.registry.run(host, index) }
