package module

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sparkstalk/sparkstalk/abi"
	"github.com/sparkstalk/sparkstalk/host/module/seal"
)

// asking is manifest for a task and limits that the module asks for.
func asking(task, limits string) string {
	return fmt.Sprintf(`{"abi":1,"tasks":[{"name":%q}],"limits":%s}`, task, limits)
}

// TestEachModuleHasItsLimits has modules that use all that they get of memory,
// tables and stack, with the host's limits, their rule's, and their own, sealed
// and not.
func TestEachModuleHasItsLimits(t *testing.T) {
	// It grows until that fails, and traps if it has so much then.
	memory := func(mib int) asm {
		return asm{run: slices.Concat([]byte{0x03, 0x40}, i32(1), []byte{0x40, 0}, i32(-1), []byte{0x47, 0x0d, 0, end},
			[]byte{0x3f, 0}, i32(mib<<20/pageSize), []byte{0x46, 0x04, 0x40, 0x00, end}, i32(0), []byte{end})}
	}
	recursion := asm{run: []byte{0x20, 0, 0x10, 3, end}}
	for name, isolate := range map[string]bool{"in the host": false, "in a process": true} {
		for _, sealed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, sealed %v", name, sealed), func(t *testing.T) {
				cfg := config(t)
				if isolate {
					cfg = isolated(cfg)
				}
				cfg.Limits = func(name string, asked abi.Limits) abi.Limits {
					most := abi.DefaultLimits
					if strings.HasPrefix(name, "ruled") {
						most.MemoryMiB, most.StackMiB, most.Instances = 8, 2, 3
					}
					return asked.Within(most)
				}
				want := map[string]abi.Limits{}
				for name, m := range map[string]struct {
					asks string
					want abi.Limits
				}{
					"plain":      {`{}`, abi.Limits{MemoryMiB: 512, StackMiB: 16, Instances: 64}},
					"asks":       {`{"memory_mib":4,"stack_mib":1,"rows":5}`, abi.Limits{MemoryMiB: 4, StackMiB: 1, Instances: 64, Rows: 5}},
					"ruled":      {`{}`, abi.Limits{MemoryMiB: 8, StackMiB: 2, Instances: 3}},
					"ruled-less": {`{"memory_mib":4,"instances":1}`, abi.Limits{MemoryMiB: 4, StackMiB: 2, Instances: 1}},
					"ruled-asks": {`{"memory_mib":4000,"stack_mib":500,"instances":500}`, abi.Limits{MemoryMiB: 8, StackMiB: 2, Instances: 3}},
				} {
					want[name] = m.want
					for kind, a := range map[string]asm{"memory": memory(m.want.MemoryMiB), "stack": recursion} {
						a.manifest = asking("t."+name+"."+kind, m.asks)
						file := a.bytes()
						if sealed {
							var err error
							if file, err = seal.Write(file, seal.Options{Manifest: []byte(a.manifest)}); err != nil {
								t.Fatal(err)
							}
						}
						put(t, cfg, name+"-"+kind+".wasm", file)
						want[name+"-"+kind] = m.want
					}
				}
				r := open(t, cfg)
				for _, info := range r.Modules() {
					if info.State != Serving {
						t.Fatalf("%s: %s", info.Name, info.Reason)
					}
					got, want := info.Limits, want[info.Name]
					if got.MemoryMiB != want.MemoryMiB || got.StackMiB != want.StackMiB || got.Instances != want.Instances || got.Rows != want.Rows {
						t.Errorf("%s has the limits %+v, want %+v", info.Name, got, want)
					}
					trapped := trap(t, r, info.Tasks[0].Name, &call{})
					if strings.HasSuffix(info.Name, "stack") {
						if !errors.Is(trapped, ErrStack) || !strings.Contains(trapped.Message, fmt.Sprintf("more than %d MiB of stack", want.StackMiB)) {
							t.Errorf("%s: %s", info.Name, trapped.Message)
						}
					} else if trapped.Message != "unreachable" {
						t.Errorf("%s: %s", info.Name, trapped.Message)
					}
				}
			})
		}
	}
}
